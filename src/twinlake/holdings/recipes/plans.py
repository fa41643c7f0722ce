"""What is to become of files, before any of them is read whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers.description import Interval
from twinlake.holdings.readers.errors import UnreadableFileError
from twinlake.holdings.readers.formats import Format
from twinlake.holdings.readers.hints import Hints


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file, or a document in one, that is not taken in."""

    name: str
    """Of the file, as its sender knows it."""
    reason: str
    remedy: str
    code: str = "unreadable-file"

    @classmethod
    def of(cls, name: str, error: UnreadableFileError) -> "Refusal":
        """Write *error* down for the report."""
        return cls(name, error.reason, error.remedy or "", error.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file, or a Zarr store, as its sender knows it, after a first look."""

    name: str
    """Relative, ``/`` between folders."""
    path: Path
    """Where the child finds it."""
    size_bytes: int = 0
    format: Format | None = None
    """None if nothing is taken in of it by itself; then *refusal* says why."""
    refusal: Refusal | None = None
    hrefs: Mapping[str, str] = field(default_factory=dict)
    """Of a STAC item: its assets' hrefs by key."""
    members: tuple[str, ...] = ()
    """Of a Zarr store: the names of all its files, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetPlan:
    """One file as an asset."""

    key: str
    file: SourceFile
    hints: Hints
    roles: tuple[str, ...]
    is_sidecar: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPlan:
    """Files that make one item."""

    id: str
    assets: tuple[AssetPlan, ...]
    time: Interval | None = None
    """As the recipe states it."""
    title: str | None = None
    properties: JsonObject = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The files it takes."""
        return tuple(each.file.name for each in self.assets)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPlan:
    """A STAC item and the files that lie beside it."""

    file: SourceFile
    assets: Mapping[str, SourceFile]
    """By asset key; assets that are neither here nor *missing* stay remote."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Hrefs, by asset key, that point nowhere in the set."""

    @property
    def names(self) -> tuple[str, ...]:
        """The files it takes."""
        return (self.file.name, *(each.name for each in self.assets.values()))


@dataclass(frozen=True, slots=True)
class DocumentsPlan:
    """A file of many STAC items."""

    file: SourceFile


@dataclass(frozen=True, slots=True)
class CollectionPlan:
    """A STAC collection, which tells what the collection says of itself."""

    file: SourceFile


Plan = ItemPlan | DocumentPlan | DocumentsPlan | CollectionPlan | Refusal
