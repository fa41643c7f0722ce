"""What a graph asks to load: plain JSON, found without any I/O.

Filters of constants that alone use what was loaded narrow the request, so that less is searched for and pinned; they are
computed afterwards all the same. The grid of a cube is chosen among what is left of places and times, and among all bands.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.loading.properties import translate_filters
from twinlake.processing.openeo.shapes.times import Interval, parse_time
from twinlake.standards.openeo.errors import OpenEoError, ProcessParameterInvalidError, ProcessParameterRequiredError
from twinlake.standards.openeo.graph import FromNode, Graph, Node, is_constant

_SOURCES = {"load_collection": "id", "load_stac": "url"}
"""Processes that load by search, and the parameter that says what."""
_BOX = ("west", "south", "east", "north", "crs")


class LoadRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One load of a graph."""

    node: str
    """Id of the node, of the outermost graph."""
    process: str
    source: str
    """Id of a collection of this site for `load_collection`, URL for `load_stac`."""
    spatial_extent: JsonObject | None = None
    """A box as `filter_bbox` takes it, or GeoJSON."""
    temporal_extent: Interval | None = None
    """Closed at its start, open at its end."""
    bands: tuple[str, ...] | None = None
    """Names or common names, in the order that is wanted; None for all."""
    kept_bands: tuple[str, ...] | None = None
    """Names of which a filter behind keeps bands; others need not be read. None for all."""
    filter: JsonObject | None = None
    """CQL2 in JSON, checked: what must be true of an item's properties."""

    @property
    def box(self) -> JsonObject | None:
        """The spatial extent, if it is a box."""
        extent = self.spatial_extent
        return extent if extent is not None and "west" in extent else None

    @property
    def area(self) -> JsonObject | None:
        """The spatial extent, if it is GeoJSON: what lies without has no data."""
        return None if self.box is not None else self.spatial_extent


def is_load(node: Node) -> bool:
    """Whether a node loads by search."""
    return node.process in _SOURCES and node.namespace in {None, "backend"}


def find_loads(graph: Graph) -> list[LoadRequest]:
    """Return what *graph*, with all definitions put into it, loads by search; callbacks load nothing.

    Raises
    ------
    ProcessParameterInvalidError, ProcessParameterRequiredError
        An argument is no constant, or is of a wrong kind.
    """
    uses = Counter(each.node for node in graph.nodes.values() for each in _nodes_in(node))
    followers = {each.node: node for node in graph.nodes.values() for each in _nodes_in(node)}
    found = []
    for node in graph.nodes.values():
        if not is_load(node):
            continue
        request, at = _read(node), node.id
        while uses[at] == 1 and at != graph.result:
            narrowed = _narrow(request, followers[at], at)
            if narrowed is None:
                break
            request, at = narrowed, followers[at].id
        found.append(request)
    return found


def _nodes_in(node: Node) -> Iterator[FromNode]:
    return (each for each in node.references() if isinstance(each, FromNode))


def _read(node: Node) -> LoadRequest:
    arguments = node.arguments
    source = arguments.get(_SOURCES[node.process])
    if source is None:
        raise ProcessParameterRequiredError(f"'{node.process}' in node {node.id!r} needs '{_SOURCES[node.process]}'.")
    _require(isinstance(source, str), node, _SOURCES[node.process], "is no constant text")
    extent = arguments.get("spatial_extent")
    _require(extent is None or _is_area(extent), node, "spatial_extent", "is no box and no GeoJSON, of constants")
    times = arguments.get("temporal_extent")
    _require(times is None or _is_interval(times), node, "temporal_extent", "is no pair of times, of which one may be null")
    bands = arguments.get("bands")
    _require(bands is None or _are_texts(bands), node, "bands", "is no list of names, of constants")
    filters = arguments.get("properties")
    _require(filters is None or isinstance(filters, dict), node, "properties", "is no object of filters")
    return LoadRequest(
        node=node.id,
        process=node.process,
        source=source,
        spatial_extent=extent,
        temporal_extent=None if times is None else (times[0], times[1]),
        bands=None if bands is None else tuple(bands),
        filter=translate_filters(filters or {}),
    )


def _require(condition: bool, node: Node, name: str, reason: str) -> None:  # noqa: FBT001 - reads like an assertion
    if not condition:
        raise ProcessParameterInvalidError(f"'{name}' of '{node.process}' in node {node.id!r} {reason}.")


def _is_area(value: Any) -> bool:
    return isinstance(value, dict) and ("west" in value or isinstance(value.get("type"), str)) and is_constant(value)


def _is_interval(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2 or value == [None, None]:
        return False
    return all(each is None or isinstance(each, str) for each in value)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)


def _narrow(request: LoadRequest, node: Node, source: str) -> LoadRequest | None:
    """Return the request as far as *node*, a filter of its result, lets it through; None where that is no such filter.

    An index is as good as one: it takes some bands, and what filters behind it leave out it does not need either.
    """
    given: Mapping[str, Any] = {name: each for name, each in node.arguments.items() if name != "data"}
    if node.arguments.get("data") != FromNode(source) or not is_constant(dict(given)):
        return None
    match node.process:
        case "filter_bbox":
            return _narrow_places(request, given.get("extent"))
        case "filter_temporal" if given.get("dimension") in {None, "t"}:
            return _narrow_times(request, given.get("extent"))
        case "filter_bands" if not given.get("wavelengths") and _are_texts(given.get("bands")):
            return msgspec.structs.replace(request, kept_bands=request.kept_bands or tuple(given["bands"]))
        case "ndvi" if given.get("target_band") is None:
            names = [given.get(name) or name for name in ("nir", "red")]
            return msgspec.structs.replace(request, kept_bands=request.kept_bands or tuple(names)) if _are_texts(names) else None
    return None


def _narrow_places(request: LoadRequest, extent: Any) -> LoadRequest | None:
    if not isinstance(extent, dict) or not {"west", "south", "east", "north"} <= extent.keys():
        return None
    if request.spatial_extent is not None:
        return request
    return msgspec.structs.replace(request, spatial_extent={name: extent[name] for name in _BOX if name in extent})


def _narrow_times(request: LoadRequest, extent: Any) -> LoadRequest | None:
    if not _is_interval(extent):
        return None
    own = request.temporal_extent or (None, None)
    try:
        bounds = [[each for each in pair if each is not None] for pair in zip(own, extent, strict=True)]
        start = max(bounds[0], key=parse_time, default=None)
        end = min(bounds[1], key=parse_time, default=None)
        is_empty = start is not None and end is not None and parse_time(start) >= parse_time(end)
    except OpenEoError:  # a day of another calendar, or no time: the filter itself tells
        return request
    return request if is_empty else msgspec.structs.replace(request, temporal_extent=(start, end))
