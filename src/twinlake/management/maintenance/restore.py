"""A site made of a backup."""

import asyncio
import shutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import orjson

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.engines.database import Database
from twinlake.engines.objectstore import ObjectStore
from twinlake.engines.objectstore.interfaces import check_sha256
from twinlake.events.log import EventLog
from twinlake.management.maintenance.backup import FORMAT, MANIFEST, OBJECT_LIST, hash_file, new_folder, object_path

OpenDatabase = Callable[[Path], AbstractAsyncContextManager[Database]]
"""Open the database of the site in a folder, bringing its schema up to date."""
OpenObjects = Callable[[Path], ObjectStore]
"""Open the object store of the site in a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    """What was brought back."""

    created_at: str
    """When the backup was made, RFC 3339 UTC: what came later is lost."""
    files: int
    objects: int
    object_bytes: int
    missing: tuple[str, ...]
    """Objects that the backup lists and neither it nor the store has, or not whole."""


async def restore(
    source: Path, folder: Path, *, open_database: OpenDatabase, open_objects: OpenObjects, log: EventLog
) -> RestoreReport:
    """Make a site in *folder*, which is empty or does not exist; it appears whole or not at all.

    Readers of its events are told that some are missing: what was announced after the backup cannot be told again.

    Raises
    ------
    ConflictError
        *folder* holds something.
    InvalidInputError
        *source* is no backup, or it is damaged.
    """
    manifest = await asyncio.to_thread(_read_manifest, source)
    async with new_folder(folder) as site:
        await asyncio.to_thread(shutil.copytree, source / "site", site, dirs_exist_ok=True)
        await asyncio.to_thread(site.chmod, 0o700)  # it holds keys
        async with open_database(site) as database:
            await database.write(log.mark_loss)
        objects, size_bytes, missing = await _put_objects(source, await asyncio.to_thread(open_objects, site))
    return RestoreReport(
        created_at=manifest["created_at"],
        files=len(manifest["sha256"]) - 1,
        objects=objects,
        object_bytes=size_bytes,
        missing=tuple(missing),
    )


def _read_manifest(source: Path) -> JsonObject:
    try:
        manifest: JsonObject = orjson.loads((source / MANIFEST).read_bytes())
        version, hashes = manifest["format"], dict(manifest["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        raise InvalidInputError(f"{source} is no backup: its {MANIFEST} is missing or damaged.") from None
    if version != FORMAT:
        raise InvalidInputError(f"{source} is a backup of format {version}; this version reads format {FORMAT}.")
    found = {str(path.relative_to(source)) for path in (source / "site").rglob("*") if path.is_file()} | {OBJECT_LIST}
    for name in sorted(found ^ hashes.keys()):
        raise InvalidInputError(f"The backup is damaged: {name} is {'not listed' if name in found else 'missing'}.")
    for name, sha256 in hashes.items():
        if hash_file(source / name) != sha256:
            raise InvalidInputError(f"The backup is damaged: {name} is not what was copied.")
    return manifest


async def _put_objects(source: Path, store: ObjectStore) -> tuple[int, int, list[str]]:
    """Put every listed object that is not there yet; return number, size in bytes, and what is missing."""
    count, total, missing = 0, 0, []
    listed = await asyncio.to_thread((source / OBJECT_LIST).read_text)
    for line in listed.splitlines():
        sha256, size_text = line.split()
        path = object_path(source / "objects", check_sha256(sha256))
        if path.is_file():
            is_there = (await store.put_file(path)).sha256 == sha256
        else:
            is_there = await store.find_size(sha256) == int(size_text)
        if is_there:
            count, total = count + 1, total + int(size_text)
        else:
            missing.append(sha256)
    return count, total, missing
