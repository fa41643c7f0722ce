"""Search by brute force over plain documents: slow, short and obviously right."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

import orjson
import shapely
from shapely.geometry.base import BaseGeometry

from twinlake.core.documents import JsonObject
from twinlake.holdings.catalogue.interfaces import BBox, ItemQuery, SortKey, Visibility
from twinlake.standards.rfc3339 import parse_instant

_TIMES = ("created", "updated")
Predicate = Callable[[JsonObject], bool]


@dataclass(frozen=True, slots=True)
class Question:
    """A query with the meaning of its filter as a function of an item's document."""

    query: ItemQuery
    passes: Predicate = lambda _: True


class Oracle:
    """Answers questions about *documents*."""

    def __init__(self, documents: Sequence[JsonObject]) -> None:
        self._documents = documents
        self._outlines = [outline_of(document) for document in documents]

    def find(self, question: Question, visibility: Visibility) -> list[tuple[str, str]]:
        """Return (collection, id) of all answers, in order."""
        query = question.query
        chosen = [
            document
            for document, outline in zip(self._documents, self._outlines, strict=True)
            if _is_visible(document, visibility)
            and (query.collections is None or document["collection"] in query.collections)
            and (query.ids is None or document["id"] in query.ids)
            and _is_in_time(document, query)
            and _is_in_space(outline, query)
            and question.passes(document)
        ]
        keys = (*query.sortby, SortKey("id"), SortKey("collection"))
        chosen.sort(key=cmp_to_key(lambda a, b: compare(a, b, keys)))
        return [(document["collection"], document["id"]) for document in chosen]


def outline_of(document: JsonObject) -> BaseGeometry | None:
    """Return the geometry of an item."""
    return None if document["geometry"] is None else shapely.from_geojson(orjson.dumps(document["geometry"]))


def times_of(document: JsonObject) -> tuple[int, int, int]:
    """Return what sorts as `datetime`, and the interval, in microseconds."""
    properties = document["properties"]
    if properties.get("start_datetime") and properties.get("end_datetime"):
        start, end = parse_instant(properties["start_datetime"]), parse_instant(properties["end_datetime"])
        return (parse_instant(properties["datetime"]) if properties.get("datetime") else start), start, end
    at = parse_instant(properties["datetime"])
    return at, at, at


def _is_visible(document: JsonObject, visibility: Visibility) -> bool:
    if visibility.everything:
        return True
    collection = document["collection"]
    if collection not in visibility.collections:
        return False
    return times_of(document)[1] <= visibility.horizons.get(collection, 1 << 62)


def _is_in_time(document: JsonObject, query: ItemQuery) -> bool:
    _, start, end = times_of(document)
    return (query.start is None or end >= query.start) and (query.end is None or start <= query.end)


def _is_in_space(outline: BaseGeometry | None, query: ItemQuery) -> bool:
    if query.bbox is None and query.intersects is None:
        return True
    if outline is None:
        return False
    if query.bbox is not None and not any(outline.intersects(part) for part in boxes(query.bbox)):
        return False
    return query.intersects is None or outline.intersects(query.intersects)


def boxes(bbox: BBox) -> list[shapely.Polygon]:
    """Return a box as polygons."""
    west, south, east, north = bbox
    spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    return [shapely.box(left, south, right, north) for left, right in spans]


def _value(document: JsonObject, name: str) -> Any:
    if name == "datetime":
        return times_of(document)[0]
    if name in {"id", "collection"}:
        return document[name]
    value = document["properties"].get(name)
    return parse_instant(value) if name in _TIMES and value is not None else value


def compare(a: JsonObject, b: JsonObject, keys: Sequence[SortKey]) -> int:
    """Return -1 where *a* comes before *b*, 1 where it comes after."""
    for key in keys:
        left, right = _value(a, key.property), _value(b, key.property)
        if left == right:
            continue
        if left is None or right is None:
            return 1 if left is None else -1
        is_less = _rank(left) < _rank(right)
        return -1 if is_less != key.descending else 1
    return 0


def _rank(value: Any) -> tuple[int, Any]:
    """Order values of mixed types as the catalogue does: numbers before texts."""
    return (1, value) if isinstance(value, str) else (0, value)


_SORTS: tuple[tuple[SortKey, ...], ...] = (
    (SortKey("datetime", descending=True),),
    (SortKey("datetime", descending=True),),
    (SortKey("datetime"),),
    (SortKey("eo:cloud_cover"),),
    (SortKey("eo:cloud_cover", descending=True),),
    (SortKey("odd:number", descending=True), SortKey("datetime")),
    (SortKey("platform"), SortKey("odd:name", descending=True)),
    (SortKey("updated", descending=True),),
    (SortKey("id", descending=True),),
    (SortKey("collection"), SortKey("eo:cloud_cover")),
    (SortKey("odd:mixed"),),
)


def random_question(chance: random.Random, documents: Sequence[JsonObject], collections: Sequence[str]) -> Question:
    """Return a question about *documents*, most often one that has an answer."""
    example = chance.choice(documents)
    wanted: dict[str, Any] = {"sortby": chance.choice(_SORTS), "limit": chance.choice((1, 3, 10, 10, 50, 400))}
    passes: Predicate = lambda _: True  # noqa: E731
    if chance.random() < 0.4:
        wanted["collections"] = tuple(chance.sample(collections, chance.randint(1, len(collections))))
    if chance.random() < 0.1:
        wanted["ids"] = tuple(document["id"] for document in chance.sample(documents, 5))
    if chance.random() < 0.5:
        wanted.update(_interval(chance, example))
    if chance.random() < 0.6:
        wanted["bbox"] = _box(chance, example)
    elif chance.random() < 0.3:
        wanted["intersects"] = _outline(chance, example)
    if chance.random() < 0.4:
        wanted["filter"], passes = _filter(chance, example)
    return Question(ItemQuery(**wanted), passes)


def _interval(chance: random.Random, example: JsonObject) -> dict[str, int | None]:
    at, day = times_of(example)[0], 86_400_000_000
    start, end = at - chance.randrange(20 * day), at + chance.choice((0, chance.randrange(20 * day)))
    return {"start": chance.choice((start, start, at, None)), "end": chance.choice((end, end, None))}


def _box(chance: random.Random, example: JsonObject) -> BBox:
    if chance.random() < 0.2:
        return chance.choice(
            (
                (-180.0, -90.0, 180.0, 90.0),
                (170.0, -50.0, -170.0, 50.0),
                (-20.0, 70.0, 40.0, 90.0),
                (0.0, 0.0, 0.0, 0.0),
                (-60.0, -40.0, 60.0, 40.0),
                (179.5, -90.0, -179.5, 90.0),
            )
        )
    bbox = example.get("bbox") or [0, 0, 1, 1]
    x, y, size = bbox[0] + chance.uniform(-1, 2), bbox[1] + chance.uniform(-1, 2), chance.choice((0.1, 1, 2, 5, 30))
    return (max(-180.0, x), max(-90.0, y), min(180.0, max(-180.0, x) + size), min(90.0, max(-90.0, y) + size))


def _outline(chance: random.Random, example: JsonObject) -> shapely.Geometry:
    west, south, east, north = _box(chance, example)
    if west > east:
        west = -180.0
    return shapely.Polygon([(west, south), (east, (south + north) / 2), ((west + east) / 2, north), (west, north)])


def _filter(chance: random.Random, example: JsonObject) -> tuple[JsonObject, Predicate]:
    makers = (_by_cloud, _by_platform, _by_number, _by_time, _by_nothing, _by_space, _by_missing)
    chosen = [chance.choice(makers)(chance, example) for _ in range(chance.choice((1, 1, 2)))]
    if len(chosen) == 1:
        return chosen[0]
    return {"op": "and", "args": [json for json, _ in chosen]}, lambda item: all(passes(item) for _, passes in chosen)


def _property(name: str) -> JsonObject:
    return {"property": name}


def _number(item: JsonObject, name: str) -> float | None:
    value = item["properties"].get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _by_cloud(chance: random.Random, _: JsonObject) -> tuple[JsonObject, Predicate]:
    bound = chance.choice((0, 12.5, 50, 101))
    return (
        {"op": "<", "args": [_property("eo:cloud_cover"), bound]},
        lambda item: (n := _number(item, "eo:cloud_cover")) is not None and n < bound,
    )


def _by_platform(chance: random.Random, _: JsonObject) -> tuple[JsonObject, Predicate]:
    names = chance.sample(("alpha", "beta", "Ärger", "nobody"), 2)
    return (
        {"op": "in", "args": [_property("platform"), names]},
        lambda item: item["properties"].get("platform") in names,
    )


def _by_number(chance: random.Random, _: JsonObject) -> tuple[JsonObject, Predicate]:
    low = chance.choice((-10, 2, 2.5, 3))
    return (
        {"op": "between", "args": [_property("odd:number"), low, 5]},
        lambda item: (n := _number(item, "odd:number")) is not None and low <= n <= 5,
    )


def _by_time(_: random.Random, example: JsonObject) -> tuple[JsonObject, Predicate]:
    at = times_of(example)[0]
    text = example["properties"].get("datetime") or example["properties"]["start_datetime"]
    return {"op": "<=", "args": [_property("datetime"), {"timestamp": text}]}, lambda item: times_of(item)[0] <= at


def _by_nothing(_: random.Random, __: JsonObject) -> tuple[JsonObject, Predicate]:
    return {"op": "=", "args": [_property("odd:name"), "no such"]}, lambda _: False


def _by_missing(_: random.Random, __: JsonObject) -> tuple[JsonObject, Predicate]:
    return (
        {"op": "isNull", "args": [_property("odd:name")]},
        lambda item: item["properties"].get("odd:name") is None,
    )


def _by_space(chance: random.Random, example: JsonObject) -> tuple[JsonObject, Predicate]:
    outline = _outline(chance, example)
    json = orjson.loads(shapely.to_geojson(outline))
    return (
        {"op": "s_intersects", "args": [_property("geometry"), json]},
        lambda item: (
            item["geometry"] is not None and bool(shapely.from_geojson(orjson.dumps(item["geometry"])).intersects(outline))
        ),
    )
