"""What peers that lie answer: each lie makes another answer of a true one."""

import random
from collections.abc import Callable
from typing import Any

import orjson

from twinlake.core.documents import JsonObject

Lie = Callable[[dict[str, Any], JsonObject, random.Random], dict[str, Any] | None]


def _twice(answer: dict[str, Any], _: JsonObject, chance: random.Random) -> dict[str, Any] | None:
    features = answer.get("features")
    return {**answer, "features": [*features, chance.choice(features)]} if features else None


def _out_of_order(answer: dict[str, Any], _: JsonObject, __: random.Random) -> dict[str, Any] | None:
    features = answer.get("features") or []
    return {**answer, "features": features[::-1]} if len(features) > 1 else None


def _wrong_count(answer: dict[str, Any], body: JsonObject, _: random.Random) -> dict[str, Any] | None:
    matched = answer.get("matched")
    # A count that was not asked for is used by nobody.
    return (
        None
        if matched is None or not body["query"].get("count")
        else {**answer, "matched": matched + 1}
        if not answer["more"]
        else {**answer, "matched": 0}
    )


def _endless(answer: dict[str, Any], _: JsonObject, __: random.Random) -> dict[str, Any] | None:
    return {**answer, "features": [], "more": True} if "features" in answer else None


def _foreign(answer: dict[str, Any], body: JsonObject, _: random.Random) -> dict[str, Any] | None:
    features = answer.get("features")
    if not features or body["query"]["collections"] is None:
        return None
    return {**answer, "features": [{**features[0], "collection": "nobody's"}, *features[1:]]}


def _old(answer: dict[str, Any], body: JsonObject, _: random.Random) -> dict[str, Any] | None:
    """Send the item of the key itself once more; in the one order in which its key tells all of its values."""
    features, query = answer.get("features"), body["query"]
    if not features or query["after"] is None or query["sortby"] != [["id", True]]:
        return None
    return {**answer, "features": [{**features[0], "id": query["after"][0], "collection": query["after"][1]}, *features[1:]]}


def misshapen(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Lie:
    """Return the lie by which one item, whichever, becomes what no item is."""

    def lie(answer: dict[str, Any], _: JsonObject, chance: random.Random) -> dict[str, Any] | None:
        features = answer.get("features")
        if not features:
            return None
        place = chance.randrange(len(features))
        return {**answer, "features": [*features[:place], {**features[place], **change(features[place])}, *features[place + 1 :]]}

    return lie


def _strange_count(answer: dict[str, Any], _: JsonObject, __: random.Random) -> dict[str, Any] | None:
    return {**answer, "total_count": 0.5} if "total_count" in answer else None


_DEEP, _INFINITE = "@deep", "@infinite"
_UNWRITABLE = {_DEEP: b"[" * 300 + b"]" * 300, _INFINITE: b"1e999"}


def write_lie(answer: dict[str, Any]) -> bytes:
    """Write what a lie has made, with what no honest site would write."""
    text = orjson.dumps(answer)
    for name, written in _UNWRITABLE.items():
        text = text.replace(orjson.dumps(name), written)
    return text


MISSHAPEN: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "an id that is a number": lambda _: {"id": 7},
    "an id with a control character": lambda item: {"id": f"{item['id']}\x1b[2J"},
    "another type": lambda _: {"type": "Collection"},
    "no properties": lambda _: {"properties": None},
    "properties that are a list": lambda item: {"properties": [item["properties"]]},
    "a title that is an object": lambda item: {"properties": {**item["properties"], "title": {}}},
    "a geometry that is a text": lambda _: {"geometry": "POINT (0 0)"},
    "a geometry of texts": lambda _: {"geometry": {"type": "Point", "coordinates": ["0", "0"]}},
    "a bbox of texts": lambda _: {"bbox": ["a", "b", "c", "d"]},
    "a bbox of five": lambda _: {"bbox": [0, 0, 0, 0, 0]},
    "links that are an object": lambda _: {"links": {}},
    "a link that is a script": lambda _: {"links": [{"rel": "about", "href": " JavaScript:alert(1)"}]},
    "assets that are a list": lambda _: {"assets": [{"href": "https://x.example"}]},
    "an asset with a name that no asset may have": lambda _: {"assets": {"a/b": {"href": "https://x.example"}}},
    "an asset without a text as its address": lambda _: {"assets": {"a": {"href": 5}}},
    "an asset that is a script": lambda _: {"assets": {"a": {"href": "javascript:alert(1)"}}},
    "an asset that is a file": lambda _: {"assets": {"a": {"href": "file:///etc/passwd"}}},
    "an asset behind a control character": lambda _: {"assets": {"a": {"href": "https://x.example/\x85"}}},
    "an asset with a size that is a text": lambda _: {"assets": {"a": {"href": "https://x.example", "file:size": "large"}}},
    "depth without end": lambda _: {"deep": _DEEP},
    "a number without end": lambda _: {"assets": {"a": {"href": "https://x.example", "n": _INFINITE}}},
}
"""What makes an item one that no site could hold; nobody needs to notice before the item is to be passed on."""
LIES: tuple[tuple[str, Lie], ...] = (
    ("twice", _twice),
    ("out of order", _out_of_order),
    ("wrong count", _wrong_count),
    ("endless", _endless),
    ("foreign collection", _foreign),
    ("sent before", _old),
    ("strange count", _strange_count),
    *((name, misshapen(change)) for name, change in MISSHAPEN.items()),
)
"""Each makes another answer of a true one, or None where it cannot."""
