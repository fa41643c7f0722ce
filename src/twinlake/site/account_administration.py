"""What the `admin accounts` commands work on: the accounts of a site, whether it runs or not."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from twinlake.core.clock import SystemClock
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.identity.issuer.offline import OfflineAccounts
from twinlake.identity.keys.sealing import Sealer
from twinlake.identity.principals import site_issuer
from twinlake.site.layout import SECOND_FACTORS, SiteFolder
from twinlake.site.settings import SiteSettings
from twinlake.site.storage import open_database


@asynccontextmanager
async def open_accounts(config: Path) -> AsyncGenerator[OfflineAccounts]:
    """Open the accounts of the site whose settings are at *config*.

    Raises
    ------
    InvalidInputError
        There is no site, or its key is damaged.
    """
    settings, folder = SiteSettings.read(config), SiteFolder.of(config)
    async with open_database(settings, folder) as database:
        yield OfflineAccounts(
            database,
            clock=SystemClock(),
            randomness=SYSTEM_RANDOMNESS,
            issuer=site_issuer(settings.id),
            sealer=Sealer(folder.derive_key(SECOND_FACTORS), randomness=SYSTEM_RANDOMNESS),
            title=settings.title,
        )
