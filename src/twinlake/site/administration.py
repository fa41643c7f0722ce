"""What the `admin` commands do to the folder of a site."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from twinlake.access.delivery.nginx import write_nginx_conf
from twinlake.core.clock import SystemClock
from twinlake.core.errors import InvalidInputError
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import Database, SqliteDatabase
from twinlake.engines.objectstore import ObjectStore, StoredObject
from twinlake.engines.objectstore.upkeep import Damage, scrub
from twinlake.events.log import EventLog
from twinlake.holdings.catalogue.preparing_process import PreparingProcesses
from twinlake.holdings.catalogue.store import SqlCatalogue
from twinlake.identity.offline import OfflineTokens
from twinlake.identity.principals import Principal, site_issuer
from twinlake.identity.tokens import NewToken, TokenRecord
from twinlake.management import maintenance
from twinlake.management.maintenance import BackupReport, Finding, RestoreReport, SiteFiles
from twinlake.site import kept
from twinlake.site.layout import SiteFolder
from twinlake.site.settings import LocalObjectsSettings, S3ObjectsSettings, SiteSettings
from twinlake.site.storage import PREPARE, open_database, open_objects

_DAMAGES = {
    "missing": "is missing",
    "size": "has another size than is cited",
    "content": "has other bytes than its name",
}
_CITERS_NAMED = 3
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a gateway that listens everywhere is reached from here


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check of a site found."""

    findings: list[Finding]
    orphans: tuple[StoredObject, ...]
    """Objects that nothing cites: no damage, a serving site sweeps them in time."""

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return all(finding.ok for finding in self.findings)


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
    settings, folder = _read(config)
    issuer = site_issuer(settings.id)
    async with open_database(settings, folder) as database:
        yield OfflineTokens(database, clock=SystemClock(), randomness=SYSTEM_RANDOMNESS, issuer=issuer), issuer


async def backup(config: Path, target: Path) -> BackupReport:
    """Copy the site to *target* while it runs. Objects in a bucket are listed, not copied.

    Raises
    ------
    ConflictError
        *target* holds something.
    StorageFullError, StorageFailedError
        There is no room for the copy, or its disk failed.
    """
    settings, folder = _read(config)
    policy = () if settings.policy.file is None else (folder.path / settings.policy.file,)
    files = (folder.config, folder.key, folder.admin_token, *(file for file in policy if file.is_relative_to(folder.path)))
    async with folder.keep_objects():
        return await maintenance.backup(
            SiteFiles(folder=folder.path, database=folder.database, others=files),
            target,
            list_cited=kept.list_held_objects,
            objects=open_objects(settings, folder),
            copy_objects=isinstance(settings.objects, LocalObjectsSettings),
            prepare=PREPARE,
            clock=SystemClock(),
        )


async def restore(source: Path, directory: Path) -> RestoreReport:
    """Make a site in *directory* of a backup.

    Raises
    ------
    ConflictError
        *directory* holds something.
    InvalidInputError
        *source* is no backup, or it is damaged.
    """

    def open_restored(folder: Path) -> SqliteDatabase:
        site = SiteFolder(folder)
        return open_database(SiteSettings.read(site.config), site)

    def open_restored_objects(folder: Path) -> ObjectStore:
        site = SiteFolder(folder)
        return open_objects(SiteSettings.read(site.config), site)

    return await maintenance.restore(
        source,
        directory,
        open_database=open_restored,
        open_objects=open_restored_objects,
        log=EventLog(clock=SystemClock()),
    )


async def check(config: Path, *, read_objects: bool) -> CheckReport:
    """Compare the parts of a site that is stopped with each other.

    Parameters
    ----------
    read_objects
        Whether every byte of every object is read and hashed, or only its size is looked at.

    Raises
    ------
    ConflictError
        The site is running.
    """
    settings, folder = _read(config)
    with folder.lock():
        async with open_database(settings, folder) as database:
            objects, clock = open_objects(settings, folder), SystemClock()
            catalogue = SqlCatalogue(
                processes=PreparingProcesses(),
                database=database,
                events=EventLog(clock=clock),
                clock=clock,
                site_id=settings.id,
                public_url=settings.base_url,
            )
            findings = await maintenance.run_checks(
                {
                    "database": lambda: maintenance.check_database(database),
                    "events": lambda: maintenance.check_events(database),
                    "catalogue": catalogue.find_differences,
                    "objects": lambda: _check_objects(database, objects, read_objects=read_objects),
                }
            )
            return CheckReport(findings, await _find_orphans(objects, await database.read(kept.list_held_objects)))


async def _check_objects(database: Database, objects: ObjectStore, *, read_objects: bool) -> list[str]:
    cited = await database.read(kept.list_holdings)
    report = await scrub(objects, _each(cited), content=read_objects)
    return [await _describe(database, damage) for damage in report.damages]


async def _describe(database: Database, damage: Damage) -> str:
    sha256 = damage.cited.sha256
    citers = await database.read(lambda tx: kept.list_citers(tx, sha256, limit=_CITERS_NAMED + 1))
    names = ", ".join("/".join(citer) for citer in citers[:_CITERS_NAMED])
    return f"the object {sha256} {_DAMAGES[damage.kind]}: {names}{' and others' if len(citers) > _CITERS_NAMED else ''}"


async def _find_orphans(objects: ObjectStore, cited: frozenset[str]) -> tuple[StoredObject, ...]:
    return tuple(
        [StoredObject(entry.sha256, entry.size_bytes) async for entry in objects.list_objects() if entry.sha256 not in cited]
    )


async def _each(objects: Iterable[StoredObject]) -> AsyncIterator[StoredObject]:
    for each in objects:
        yield each


def write_nginx(config: Path, *, listen: str) -> str:
    """Return the ``server`` block of an nginx in front of the site.

    Raises
    ------
    InvalidInputError
        The bytes are in a bucket, where nginx cannot read them.
    """
    settings, folder = _read(config)
    if isinstance(settings.objects, S3ObjectsSettings):
        raise InvalidInputError(
            "nginx cannot send objects of a bucket.", remedy='Set delivery.mode to "presigned"; any proxy may stand in front.'
        )
    host = _WILDCARDS.get(settings.server.host, settings.server.host)
    gateway = f"[{host}]:{settings.server.port}" if ":" in host else f"{host}:{settings.server.port}"
    return write_nginx_conf(listen=listen, gateway=gateway, objects=folder.objects, link_roots=settings.ingest.link_roots)


def _read(config: Path) -> tuple[SiteSettings, SiteFolder]:
    return SiteSettings.read(config), SiteFolder.of(config)
