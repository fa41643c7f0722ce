"""What is not paged, combined: collections, queryables, counts."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.core.ids import check_id
from twinlake.federation.search.errors import InvalidAnswerError
from twinlake.standards.stac import read_collection

_MOST_BUCKETS = 1000
_ORIGIN = "twinlake:origin"


def check_collections(documents: Sequence[JsonObject]) -> None:
    """Refuse *documents* of a peer of which one is no collection, or whose ids stand there twice.

    Raises
    ------
    InvalidAnswerError
        One is not.
    """
    try:
        ids = {check_id(read_collection(document)["id"], "collection") for document in documents}
    except InvalidInputError as error:
        raise InvalidAnswerError(error.message) from error
    if len(ids) < len(documents):
        raise InvalidAnswerError("It sent a collection twice.")


def combine_collections(found: Mapping[str, Sequence[JsonObject]]) -> list[JsonObject]:
    """Return all collections in order of their ids, each with the sites that hold it in `federation:backends`.

    One id at two sites is one collection only where both name the same site as its origin; else it stands there twice. What
    the origin itself says of it counts before what others do.
    """
    entries: dict[tuple[str, str], JsonObject] = {}
    for site, documents in sorted(found.items()):
        for document in documents:
            origin = str(document.get(_ORIGIN, site))
            key = (str(document.get("id")), origin)
            backends = entries.get(key, {}).get("federation:backends", [])
            if not backends or site == origin:
                entries[key] = {**document, "federation:backends": backends}
            if site not in backends:
                backends.append(site)
    return [entries[key] for key in sorted(entries)]


def combine_queryables(schemas: Sequence[JsonObject]) -> JsonObject:
    """Return the schema of what any of *schemas* lets be queried."""
    combined: JsonObject = {}
    properties: JsonObject = {}
    for schema in schemas:
        combined = combined or dict(schema)
        for name, described in _object(schema.get("properties")).items():
            known = properties.get(name)
            properties[name] = described if known in (None, described) else _unite(_object(known), _object(described))
    return {**combined, "properties": properties}


def combine_counts(found: Iterable[JsonObject], by: Sequence[str]) -> JsonObject:
    """Add up counts of the form of `Catalogue.aggregate_counts`."""
    answers = list(found)
    return {
        name: sum(counts[name] for counts in answers) if name == "total_count" else _add(name, [c[name] for c in answers])
        for name in by
    }


def _add(name: str, lists: Iterable[Sequence[JsonObject]]) -> list[JsonObject]:
    counts: Counter[Any] = Counter()
    for buckets in lists:
        for bucket in buckets:
            counts[bucket["key"]] += bucket["count"]
    if name == "datetime_month":
        return [{"key": key, "count": n} for key, n in sorted(counts.items(), key=lambda pair: str(pair[0]))][-_MOST_BUCKETS:]
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))
    return [{"key": key, "count": n} for key, n in ranked[:_MOST_BUCKETS]]


def _unite(one: JsonObject, other: JsonObject) -> JsonObject:
    """Return a schema that allows what either allows; what only one of them bounds is not bounded."""
    types = sorted({*_types(one), *_types(other)})
    united: JsonObject = {"title": one.get("title") or other.get("title")}
    if types:
        united["type"] = types[0] if len(types) == 1 else types
    if isinstance(one.get("enum"), list) and isinstance(other.get("enum"), list) and types == ["string"]:
        united["enum"] = sorted({str(value) for value in (*one["enum"], *other["enum"])})
    for name, choose in (("minimum", min), ("maximum", max)):
        bounds = [schema[name] for schema in (one, other) if isinstance(schema.get(name), int | float)]
        if len(bounds) == 2:
            united[name] = choose(bounds)
    if one.get("format") == other.get("format") and "format" in one:
        united["format"] = one["format"]
    return united


def _types(schema: JsonObject) -> list[str]:
    named = schema.get("type")
    return [str(name) for name in (named if isinstance(named, list) else [named]) if name is not None]


def _object(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}
