"""What the `admin` commands do to the folder of a site."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from twinlake.core.clock import SystemClock
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.identity.offline import OfflineTokens
from twinlake.identity.principals import Principal, site_issuer
from twinlake.identity.tokens import NewToken, TokenRecord
from twinlake.site.build import open_database
from twinlake.site.layout import SiteFolder
from twinlake.site.settings import SiteSettings


async def create_token(
    config: Path, *, subject: str, name: str, scopes: frozenset[str], roles: frozenset[str], expires_at: datetime | None
) -> tuple[str, TokenRecord]:
    """Make a token of the site's own account *subject*; return its text, which is not kept, and its record.

    Raises
    ------
    InvalidInputError
        A scope or role is unknown, or the name is none.
    """
    async with _open_tokens(config) as (tokens, issuer):
        owner = Principal(issuer, subject)
        return await tokens.create(NewToken(owner=owner, name=name, roles=roles, scopes=scopes, expires_at=expires_at))


async def list_tokens(config: Path) -> list[TokenRecord]:
    """Return all tokens, oldest first."""
    async with _open_tokens(config) as (tokens, _):
        return await tokens.list_tokens()


async def revoke_token(config: Path, key: str) -> TokenRecord:
    """End a token; raises NotFoundError where there is none of this key."""
    async with _open_tokens(config) as (tokens, _):
        return await tokens.revoke(key)


@asynccontextmanager
async def _open_tokens(config: Path) -> AsyncGenerator[tuple[OfflineTokens, str]]:
    settings = SiteSettings.read(config)
    issuer = site_issuer(settings.id)
    async with open_database(settings, SiteFolder.of(config)) as database:
        yield OfflineTokens(database, clock=SystemClock(), randomness=SYSTEM_RANDOMNESS, issuer=issuer), issuer
