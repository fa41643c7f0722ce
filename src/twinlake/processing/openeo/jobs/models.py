"""Batch jobs and what they have made."""

from collections.abc import Mapping
from dataclasses import dataclass

from twinlake.core.documents import JsonObject
from twinlake.engines.objectstore import StoredObject
from twinlake.jobs.models import Job
from twinlake.processing.openeo.tiles.usage import RunUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a job is to be."""

    process: bytes | None
    """JSON; None leaves it as it is."""
    document: JsonObject
    """All other members."""
    frozen: bytes | None = None
    """What it calls and loads, where that was frozen when it was made (`kind.Preparing.freeze`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """A job as it is kept."""

    id: str
    owner: str
    """``issuer|subject`` of the principal."""
    document: JsonObject
    """What was sent in, but for the process, which may be large and is read on its own."""
    revision: int
    """Counts edits and starts."""
    request: str | None
    """What was last asked for in the journal; None where it was never started."""
    run: str | None
    """That does it."""
    stored_bytes: int
    """Of the results."""
    has_results: bool
    tiles: RunUsage | None
    """What its tiles took; None where nothing was made in tiles, or not all of them yet."""
    created_at: int
    """Microseconds since 1970 UTC, as below."""
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenJob:
    """A job with how far its work is."""

    batch: BatchJob
    work: Job | None
    """None where it was never started, or so long ago that the journal has forgotten it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One result: a file, or a folder of files."""

    name: str
    document: JsonObject
    """Members of the STAC asset, ``href`` and those about bytes excepted, and `bbox` and `interval` of what is in it."""
    files: Mapping[str, StoredObject]
    """By path within the folder; the empty path alone is a file."""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return "" not in self.files
