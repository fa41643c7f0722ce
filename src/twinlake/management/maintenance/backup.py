"""A copy of a site in a folder, made while the site runs.

The folder holds ``backup.json`` (what the copy is, with the SHA-256 of every file), ``site/`` (the site's files and
its database), ``objects.txt`` (a line per object: SHA-256 and size in bytes) and ``objects/`` (the objects
themselves, where they were copied). The database is copied first: an object is there before a database cites it,
and stays for a while after none does, so every object that the copy cites is still to be had.
"""

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson

from twinlake.core.clock import Clock, to_text
from twinlake.core.errors import ConflictError, TwinlakeError
from twinlake.engines.database import Connection, copy_database
from twinlake.engines.database.connection import Prepare, open_connection
from twinlake.engines.objectstore import ObjectStore, StoredObject

FORMAT = 1
MANIFEST = "backup.json"
OBJECT_LIST = "objects.txt"

ListCited = Callable[[Connection], Collection[str]]
"""Return the SHA-256 of every object that a database cites."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFiles:
    """Where a site's state lies."""

    folder: Path
    database: Path
    """Below *folder*."""
    others: tuple[Path, ...]
    """Settings, keys and policies below *folder*; those that do not exist are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """What was copied."""

    created_at: datetime
    database_bytes: int
    files: int
    objects: int
    object_bytes: int
    objects_copied: bool
    damaged: tuple[str, ...]
    """Objects that are cited and are not, or not whole, in the store: `fsck` says more."""


async def backup(
    source: SiteFiles,
    target: Path,
    *,
    list_cited: ListCited,
    objects: ObjectStore,
    copy_objects: bool,
    prepare: Sequence[Prepare],
    clock: Clock,
) -> BackupReport:
    """Copy a site to *target*, which does not exist yet; it appears whole or not at all.

    Parameters
    ----------
    copy_objects
        Whether the bytes are copied, or only listed (where the store has copies of its own).
    prepare
        The SQL functions that the schema needs.

    Raises
    ------
    ConflictError
        *target* exists.
    StorageFullError, StorageFailedError
        There is no room for the copy, or its disk failed.
    """
    async with new_folder(target) as folder:
        created_at = clock.now()
        copied = folder / "site" / source.database.relative_to(source.folder)
        copied.parent.mkdir(parents=True)
        await asyncio.to_thread(copy_database, source.database, copied, prepare)
        files = await asyncio.to_thread(_copy_files, source, folder / "site")
        cited = await asyncio.to_thread(_read, copied, list_cited)
        stored, damaged = await _copy_objects(cited, objects, (folder / "objects") if copy_objects else None)
        lines = "".join(f"{entry.sha256} {entry.size_bytes}\n" for entry in stored)
        await asyncio.to_thread((folder / OBJECT_LIST).write_text, lines)
        report = BackupReport(
            created_at=created_at,
            database_bytes=copied.stat().st_size,
            files=len(files),
            objects=len(stored),
            object_bytes=sum(entry.size_bytes for entry in stored),
            objects_copied=copy_objects,
            damaged=tuple(damaged),
        )
        await asyncio.to_thread(_write_manifest, folder, report)
    return report


@asynccontextmanager
async def new_folder(target: Path) -> AsyncGenerator[Path, None]:
    """Give a folder beside *target* that becomes *target* if the block ends well, and is gone if not."""
    folder = await asyncio.to_thread(_make_beside, target)
    try:
        yield folder
        await asyncio.to_thread(_move, folder, target)
    except BaseException:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        raise


def _make_beside(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConflictError(f"{target} exists and is not empty.", remedy="Choose another folder.")
    return Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))


def _move(folder: Path, target: Path) -> None:
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)
    folder.rename(target)
    sync(target.parent)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(database: Path, list_cited: ListCited) -> Collection[str]:
    with closing(open_connection(database, read_only=True)) as connection:
        return list_cited(connection)


def _copy_files(source: SiteFiles, target: Path) -> list[Path]:
    copied = []
    for path in source.others:
        if path.is_file():
            place = target / path.relative_to(source.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)  # its permissions too: some of them are secrets
            copied.append(place)
    return copied


async def _copy_objects(cited: Iterable[str], objects: ObjectStore, target: Path | None) -> tuple[list[StoredObject], list[str]]:
    """Return what the store has of *cited*, and the hashes of what it has not; copy it to *target* if there is one."""
    stored, damaged = [], []
    for sha256 in sorted(cited):
        size_bytes = await objects.find_size(sha256)
        if size_bytes is None or (
            target is not None and not await _copy_object(objects, StoredObject(sha256, size_bytes), target)
        ):
            damaged.append(sha256)
        else:
            stored.append(StoredObject(sha256, size_bytes))
    return stored, damaged


async def _copy_object(objects: ObjectStore, entry: StoredObject, target: Path) -> bool:
    """Copy one object; tell whether its bytes are what its name says."""
    path = object_path(target, entry.sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with path.open("wb") as file:
        try:
            async for piece in objects.open_range(entry.sha256, 0, entry.size_bytes):
                digest.update(piece)
                await asyncio.to_thread(file.write, piece)
        except TwinlakeError:
            digest = hashlib.sha256()
    whole = digest.hexdigest() == entry.sha256
    if not whole:
        path.unlink()
    return whole


def object_path(folder: Path, sha256: str) -> Path:
    """Return where an object lies in a backup's folder of objects."""
    return folder / sha256[:2] / sha256


def _write_manifest(folder: Path, report: BackupReport) -> None:
    hashes = {str(path.relative_to(folder)): hash_file(path) for path in sorted((folder / "site").rglob("*")) if path.is_file()}
    hashes[OBJECT_LIST] = hash_file(folder / OBJECT_LIST)
    manifest = {
        "format": FORMAT,
        "created_at": to_text(report.created_at),
        "objects_copied": report.objects_copied,
        "damaged": report.damaged,
        "sha256": hashes,
    }
    (folder / MANIFEST).write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
