"""Choosing and ordering collections. There are few enough of them to be looked at one by one."""

import functools
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from twinlake.core.documents import JsonObject
from twinlake.discovery.data.collection_filter import select_by_filter
from twinlake.discovery.data.collection_requests import CollectionRequest
from twinlake.discovery.freetext import text_of
from twinlake.holdings.catalogue.interfaces import BBox, SortKey, StoredCollection
from twinlake.standards.geojson import horizontal
from twinlake.standards.rfc3339 import parse_instant

_REMEMBERED = 4096


class CollectionDocuments:
    """Parses the bodies of collections, each version once."""

    def __init__(self) -> None:
        self._parsed: OrderedDict[tuple[str, str], JsonObject] = OrderedDict()

    def parse(self, stored: StoredCollection) -> JsonObject:
        """Return the document of *stored*, which must not be changed."""
        key = (stored.id, stored.etag)
        document = self._parsed.get(key)
        if document is None:
            document = orjson.loads(stored.body)
            self._parsed[key] = document
            if len(self._parsed) > _REMEMBERED:
                self._parsed.popitem(last=False)
        return document


def select_collections(candidates: Sequence[JsonObject], request: CollectionRequest) -> list[JsonObject]:
    """Return the documents that *request* means, ordered; equal ones by id."""
    found: Iterable[JsonObject] = candidates
    if request.matches_text is not None:
        matches = request.matches_text
        found = [document for document in found if matches(text_of(document))]
    if request.bbox is not None:
        wanted = request.bbox
        found = [document for document in found if any(_overlap(box, wanted) for box in boxes_of(document))]
    if request.start is not None or request.end is not None:
        found = [document for document in found if _overlaps_in_time(document, request.start, request.end)]
    if request.filter is not None:
        found = select_by_filter(list(found), request.filter)
    keyed = [(sort_key(document, request.sortby), document) for document in found]
    in_order = functools.cmp_to_key(functools.partial(_compare, request.sortby))
    return [document for _, document in sorted(keyed, key=lambda entry: in_order(entry[0]))]


def sort_key(document: JsonObject, sortby: Sequence[SortKey]) -> tuple[Any, ...]:
    """Return the values that *document* is ordered by, its id last; None where it has no plain value."""
    return (*(_plain(document, key.property) for key in sortby), document["id"])


def follows(key: tuple[Any, ...], after: tuple[Any, ...], sortby: Sequence[SortKey]) -> bool:
    """Tell whether the document with *key* comes after the one with the key *after*."""
    return _compare(sortby, key, after) > 0


def boxes_of(document: JsonObject) -> list[BBox]:
    """Return the boxes of a collection's spatial extent: the parts where there are parts, else the whole."""
    boxes = document["extent"]["spatial"]["bbox"]
    return [horizontal(box) for box in (boxes[1:] or boxes)]


def intervals_of(document: JsonObject) -> list[tuple[int | None, int | None]]:
    """Return the intervals of a collection's temporal extent, microseconds since 1970 UTC; None is open."""
    intervals = document["extent"]["temporal"]["interval"]
    return [(_instant(start), _instant(end)) for start, end in (intervals[1:] or intervals)]


def _instant(text: str | None) -> int | None:
    return None if text is None else parse_instant(text)


def _overlap(one: BBox, other: BBox) -> bool:
    if one[1] > other[3] or other[1] > one[3]:
        return False
    return any(west <= far and near <= east for west, east in _spans(one) for near, far in _spans(other))


def _spans(box: BBox) -> list[tuple[float, float]]:
    west, _, east, _ = box
    return [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]


def _overlaps_in_time(document: JsonObject, start: int | None, end: int | None) -> bool:
    return any(
        (start is None or last is None or last >= start) and (end is None or first is None or first <= end)
        for first, last in intervals_of(document)
    )


def _plain(document: JsonObject, name: str) -> Any:
    if name == "datetime":
        return document["extent"]["temporal"]["interval"][0][0]
    value = document.get(name)
    return value if isinstance(value, (str, int, float)) else None


def _compare(sortby: Sequence[SortKey], one: tuple[Any, ...], other: tuple[Any, ...]) -> int:
    for left, right, key in zip(one, other, sortby, strict=False):
        if left is None or right is None:
            if (left is None) != (right is None):
                return 1 if left is None else -1
        elif left != right:
            # Tuples compare their values only where the ranks are equal.
            before = (_rank(left), left) < (_rank(right), right)
            return -1 if before != key.descending else 1
    return int(one[-1] > other[-1]) - int(one[-1] < other[-1])


def _rank(value: Any) -> int:
    """Order values of unlike types: numbers and booleans, then text."""
    return int(isinstance(value, str))
