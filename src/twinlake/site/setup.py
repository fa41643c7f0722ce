"""Make a new site: its folder, its commented settings, its key, its first administrator."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic_core import PydanticUndefined

from twinlake.core.clock import Clock
from twinlake.core.errors import ConflictError
from twinlake.core.randomness import Randomness
from twinlake.engines.database import SqliteDatabase
from twinlake.identity.actions import SCOPES
from twinlake.identity.offline import OfflineTokens
from twinlake.identity.principals import Principal, site_issuer
from twinlake.identity.tokens import NewToken
from twinlake.site.layout import SiteFolder, write_secret
from twinlake.site.schema import MIGRATIONS
from twinlake.site.settings import SiteSettings, list_settings

_KEY_BYTES = 32
_HEAD = """\
# Settings of a Twinlake site. What is commented out is the default.
# Every setting can be overridden by the environment: server.port is TWINLAKE_SERVER__PORT.
# An unknown name is an error, so a typing mistake cannot go unnoticed.
"""


def write_settings(chosen: dict[str, Any]) -> str:
    """Return a ``site.toml`` that explains every setting; those in *chosen* (dotted names) are set, the others commented out."""
    lines, section = [_HEAD], ""
    names = sorted(list_settings(), key=lambda pair: "." in pair[0])
    seen: set[str] = set()
    for name, field in names:
        if name in seen:
            continue
        seen.add(name)
        here, _, leaf = name.rpartition(".")
        if here != section:
            section = here
            lines.append(f"\n[{section}]")
        lines.append(f"# {field.description}")
        if name in chosen:
            lines.append(f"{leaf} = {_to_toml(chosen[name])}")
        else:
            default = None if field.default is PydanticUndefined else field.default
            lines.append(f"# {leaf} = {json.dumps('' if default is None else default, default=list)}")
    return "\n".join(lines) + "\n"


async def init_site(
    directory: Path,
    *,
    site_id: str,
    port: int,
    clock: Clock,
    randomness: Randomness,
    chosen: Mapping[str, Any] = MappingProxyType({}),
) -> SiteFolder:
    """Make a site in *directory*.

    Parameters
    ----------
    chosen
        Further settings by dotted name.

    Raises
    ------
    ConflictError
        There is a site already.
    InvalidInputError
        The id, the port or one of *chosen* cannot be used.
    """
    folder = SiteFolder.of(directory / "site.toml")
    if folder.config.exists():
        raise ConflictError(
            f"There is a site in {directory} already.", remedy=f"Start it: twinlake serve --config {folder.config}"
        )
    named = {name: value for name, value in chosen.items() if "." not in name}
    SiteSettings.check({"id": site_id, "server": {"port": port}, **named}, origin="The site cannot be made")
    for path in (folder.path, folder.database.parent, folder.objects, folder.staging):
        path.mkdir(parents=True, exist_ok=True)
    folder.database.parent.chmod(0o700)
    if not folder.key.exists():
        write_secret(folder.key, randomness(_KEY_BYTES))
    folder.config.write_text(write_settings({"id": site_id, "server.port": port, **chosen}), encoding="utf-8")
    token = await _create_admin_token(folder, site_issuer(site_id), clock=clock, randomness=randomness)
    folder.admin_token.unlink(missing_ok=True)
    write_secret(folder.admin_token, token.encode() + b"\n")
    return folder


def _to_toml(value: Any) -> str:
    """Write a value of a setting; a table on one line (https://toml.io/en/v1.0.0#inline-table)."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(name)} = {_to_toml(each)}" for name, each in value.items()) + " }"
    return json.dumps(value)


async def _create_admin_token(folder: SiteFolder, issuer: str, *, clock: Clock, randomness: Randomness) -> str:
    """Make the first administrator's token; return its text."""
    new = NewToken(
        owner=Principal(issuer, "admin"), name="first administrator", roles=frozenset({"administrator"}), scopes=SCOPES
    )
    async with SqliteDatabase(folder.database, migrations=MIGRATIONS) as database:
        text, _ = await OfflineTokens(database, clock=clock, randomness=randomness, issuer=issuer).create(new)
    return text
