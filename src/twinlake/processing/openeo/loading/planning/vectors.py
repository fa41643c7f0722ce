"""From items to a plan of a vector or table cube: which of their files are read, and how. Pure.

Sources: STAC 1.1.0, extension table 1.2.0
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.loading.pins import Narrowing, PinnedFile, VectorPins
from twinlake.processing.openeo.loading.planning.items import Fields, Unloadable, is_data
from twinlake.processing.openeo.loading.requests import LoadRequest
from twinlake.standards.datalake import single_assets

FORMATS: Mapping[str, tuple[str, ...]] = {
    "Parquet": ("application/vnd.apache.parquet",),
    "GeoJSON": ("application/geo+json",),
    "CSV": ("text/csv",),
}
"""By the name that openEO has for them: media types of files that have rows."""
_LINES = frozenset({"GeoJSON", "CSV"})
"""Formats that may have places of which the metadata do not speak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableAsset:
    """One asset that has rows."""

    key: str
    format: str
    columns: tuple[str, ...]
    """Without those of places."""
    has_places: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorPlan:
    """The rows of files that are known by name."""

    format: str
    assets: list[tuple[str, str]]
    """Item and asset key of each file."""
    narrowing: Narrowing

    def pin(self, files: Mapping[tuple[str, str], PinnedFile]) -> VectorPins:
        """Return it with the files of `assets`."""
        return VectorPins(format=self.format, files=tuple(files[each] for each in self.assets), narrowing=self.narrowing)


def plan_vectors(request: LoadRequest, items: Sequence[JsonObject]) -> VectorPlan | None:
    """Return what *request* asks for of the vector and table assets of *items*, one of each; None where they have none.

    Raises
    ------
    ProcessError
        ``NotLoadable``: they are of different formats.
    """
    chosen = [(item["id"], found) for item in items if (found := find_table(item)) is not None]
    if not chosen:
        return None
    formats = {found.format for _, found in chosen}
    if len(formats) > 1:
        raise Unloadable(f"The items are of different formats, {' and '.join(sorted(formats))}: load them one by one.")
    return VectorPlan(
        format=formats.pop(),
        assets=[(item, found.key) for item, found in chosen],
        # Times are those of items, which were searched by them; the rows have none.
        narrowing=Narrowing(spatial_extent=request.spatial_extent, bands=request.bands),
    )


def find_table(item: JsonObject) -> TableAsset | None:
    """Return the first asset of an item that has rows with places; without such a one the first with rows."""
    found = list(_list_tables(item))
    return next((each for each in found if each.has_places), next(iter(found), None))


def _list_tables(item: JsonObject) -> Iterator[TableAsset]:
    for key, asset in single_assets(item).items():
        format_ = next((name for name, types in FORMATS.items() if is_data(asset, types)), None)
        if format_ is None:
            continue
        fields = Fields(asset, item["properties"])
        place = fields.get("table:primary_geometry")
        columns = fields.get("table:columns")
        names = [each.get("name") for each in columns if isinstance(each, dict)] if isinstance(columns, list) else []
        yield TableAsset(
            key=key,
            format=format_,
            columns=tuple(name for name in names if isinstance(name, str) and name != place),
            has_places=place is not None or (format_ in _LINES and item.get("geometry") is not None),
        )
