"""The eleven kinds of query, and three of them with a limit of 100: the same number gives the same query."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from twinlake.testing.generated_items import COLLECTIONS, FIRST, YEARS, generated_item

Body = dict[str, Any]
"""A STAC search as a client posts it; `item` and `path` stand for a GET of one item."""
_LANDS = ((-120, 30, -70, 55), (-75, -30, -45, 5), (-10, -30, 45, 30), (-5, 40, 55, 65), (65, 10, 140, 70))


def _instant(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _interval(chance: random.Random, days: int) -> str:
    start = FIRST + timedelta(days=chance.randrange(365 * YEARS - days))
    return f"{_instant(start)}/{_instant(start + timedelta(days=days))}"


def _bbox(chance: random.Random, side: float = 2.0) -> list[float]:
    west, south, east, north = chance.choice(_LANDS)
    x, y = round(chance.uniform(west, east), 4), round(chance.uniform(south, north), 4)
    return [x, y, x + side, y + side]


def _collection(chance: random.Random) -> list[str]:
    return [chance.choice(COLLECTIONS[:8])]


def _filter(chance: random.Random) -> Body:
    return {
        "filter-lang": "cql2-json",
        "filter": {
            "op": "and",
            "args": [
                {"op": "<", "args": [{"property": "eo:cloud_cover"}, chance.choice((10, 20, 30))]},
                {"op": "=", "args": [{"property": "platform"}, chance.choice(("sentinel-2a", "sentinel-2b"))]},
            ],
        },
    }


def _octagon(chance: random.Random) -> Body:
    west, south, east, north = _bbox(chance, 3.0)
    a, b = west + 1, south + 1
    ring = [
        [a, south],
        [a + 1, south],
        [east, b],
        [east, b + 1],
        [a + 1, north],
        [a, north],
        [west, b + 1],
        [west, b],
        [a, south],
    ]
    return {"type": "Polygon", "coordinates": [ring]}


def _collection_box_year(chance: random.Random, _: int) -> Body:
    return {"collections": _collection(chance), "bbox": _bbox(chance), "datetime": _interval(chance, 365)}


def _box_quarter(chance: random.Random, _: int) -> Body:
    return {"bbox": _bbox(chance), "datetime": _interval(chance, 91)}


def _ids(chance: random.Random, items: int) -> Body:
    return {"ids": [generated_item(chance.randrange(items))["id"]]}


def _item(chance: random.Random, items: int) -> Body:
    item = generated_item(chance.randrange(items))
    return {"item": [item["collection"], item["id"]]}


def _cql2(chance: random.Random, _: int) -> Body:
    return {"datetime": _interval(chance, 91), **_filter(chance)}


def _cql2_100(chance: random.Random, items: int) -> Body:
    return {**_cql2(chance, items), "limit": 100}


def _intersects(chance: random.Random, _: int) -> Body:
    return {"intersects": _octagon(chance), "datetime": _interval(chance, 365)}


def _newest(chance: random.Random, _: int) -> Body:
    return {"collections": _collection(chance)}


def _newest_100(chance: random.Random, items: int) -> Body:
    return {**_newest(chance, items), "limit": 100}


def _newest_in_box(chance: random.Random, _: int) -> Body:
    return {"bbox": _bbox(chance)}


def _newest_in_box_100(chance: random.Random, items: int) -> Body:
    return {**_newest_in_box(chance, items), "limit": 100}


def _deep_page(chance: random.Random, _: int) -> Body:
    return {"collections": _collection(chance), "page_number": 100}


def _sorted(chance: random.Random, _: int) -> Body:
    return {"datetime": _interval(chance, 30), "sortby": [{"field": "properties.eo:cloud_cover", "direction": "asc"}]}


def _nothing(chance: random.Random, _: int) -> Body:
    return {"filter-lang": "cql2-json", "filter": {"op": "=", "args": [{"property": "platform"}, f"none-{chance.random()}"]}}


KINDS: dict[str, Callable[[random.Random, int], Body]] = {
    "collection + bbox + 1 year": _collection_box_year,
    "bbox + 3 months, all collections": _box_quarter,
    "ids": _ids,
    "one item": _item,
    "CQL2 (cloud cover, platform) + 3 months": _cql2,
    "CQL2, limit 100": _cql2_100,
    "intersects (8 corners) + 1 year": _intersects,
    "newest first": _newest,
    "newest first, limit 100": _newest_100,
    "newest first in a bbox, no time": _newest_in_box,
    "newest first in a bbox, limit 100": _newest_in_box_100,
    "page 100 of a listing": _deep_page,
    "sorted by cloud cover, 1 month": _sorted,
    "nothing matches": _nothing,
}


def questions(kind: str, count: int, items: int) -> list[Body]:
    """Return *count* queries of a kind over *items* generated items."""
    return [KINDS[kind](random.Random(f"{kind} {number}"), items) for number in range(count)]
