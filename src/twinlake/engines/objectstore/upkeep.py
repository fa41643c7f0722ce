"""Proving that objects are what the catalogue cites, and sweeping what nobody cites."""

import hashlib
from collections.abc import AsyncIterable, Container
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from twinlake.engines.objectstore.errors import CorruptObjectError
from twinlake.engines.objectstore.interfaces import ObjectStore, StoredObject


@dataclass(frozen=True, slots=True)
class Damage:
    """One object that is not what is cited."""

    cited: StoredObject
    kind: Literal["missing", "size", "content"]


@dataclass(frozen=True, slots=True)
class ScrubReport:
    """What one pass over the cited objects found."""

    objects: int
    size_bytes: int
    damages: tuple[Damage, ...]


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a sweep took away."""

    objects: int
    size_bytes: int
    leftovers: int
    """Files of puts that were interrupted."""


async def scrub(store: ObjectStore, cited: AsyncIterable[StoredObject], *, content: bool = True) -> ScrubReport:
    """Compare every *cited* object with what the store has; with *content* every byte is read and hashed."""
    objects = size_bytes = 0
    damages = []
    async for object_ in cited:
        objects += 1
        size_bytes += object_.size_bytes
        damage = await find_damage(store, object_, content=content)
        if damage is not None:
            damages.append(damage)
    return ScrubReport(objects, size_bytes, tuple(damages))


async def find_damage(store: ObjectStore, cited: StoredObject, *, content: bool) -> Damage | None:
    """Return what is wrong with one object, or None."""
    size_bytes = await store.find_size(cited.sha256)
    if size_bytes is None:
        return Damage(cited, "missing")
    if size_bytes != cited.size_bytes:
        return Damage(cited, "size")
    if content and await _hash(store, cited) != cited.sha256:
        return Damage(cited, "content")
    return None


async def sweep(store: ObjectStore, cited: Container[str], *, not_put_since: datetime) -> SweepReport:
    """Delete objects whose hash is not in *cited* and that were last put before *not_put_since*.

    Bytes come before the metadata that cites them, so *not_put_since* must lie before the longest time that may pass
    between the two, counted back from the moment *cited* was read.
    """
    objects = size_bytes = 0
    async for entry in store.list_objects():
        if entry.sha256 in cited or entry.modified_at >= not_put_since:
            continue
        if await store.delete(entry.sha256, not_put_since=not_put_since):
            objects += 1
            size_bytes += entry.size_bytes
    return SweepReport(objects, size_bytes, await store.delete_leftovers(not_put_since))


async def _hash(store: ObjectStore, cited: StoredObject) -> str | None:
    digest = hashlib.sha256()
    try:
        async for piece in store.open_range(cited.sha256, 0, cited.size_bytes):
            digest.update(piece)
    except (CorruptObjectError, OSError):  # a sector that cannot be read is damage, not a reason to stop the scrub
        return None
    return digest.hexdigest()
