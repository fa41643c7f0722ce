"""Counts of items, as the aggregation extension (0.3.0) names and shapes them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.discovery.data.names import refuse_unknown
from twinlake.discovery.data.reach import ALL_SITES, REACH_MEMBERS, Reach, read_reach
from twinlake.discovery.data.requests import FILTERS, present, read_selection
from twinlake.holdings.catalogue.interfaces import ItemQuery

AGGREGATE_MEMBERS = FILTERS | REACH_MEMBERS | {"aggregations", "limit", "sortby", "fields", "token", "page"}
"""What a search knows is taken here too, so that a client can send one body to both; what concerns pages has no meaning here."""
_FREQUENCY = "_frequency"
_PROPERTY_FREQUENCY = re.compile(rf".+{_FREQUENCY}", re.DOTALL)
_MOST = 20
_COUNTED_BY = {"total_count": "total_count", "collection_frequency": "collection", "datetime_frequency": "datetime_month"}
_DATA_TYPES = {"total_count": "integer", "collection_frequency": "string", "datetime_frequency": "datetime"}
_NOT_COUNTED = frozenset({"id", "collection", "geometry", "datetime", "start_datetime", "end_datetime", "created", "updated"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateRequest:
    """What to count, checked."""

    query: ItemQuery
    names: tuple[str, ...]
    """Aggregations as they were asked for."""
    reach: Reach = ALL_SITES

    @property
    def by(self) -> tuple[str, ...]:
        """What the catalogue is to count by."""
        return tuple(_counted_by(name) for name in self.names)


def read_aggregate_request(members: Mapping[str, Any], *, filter_lang: str) -> AggregateRequest:
    """Check a request for counts; without names it is for the total."""
    refuse_unknown(members, AGGREGATE_MEMBERS, what="member")
    given = present(members)
    names = given.get("aggregations", ["total_count"])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(names) > _MOST:
        raise InvalidInputError(f"'aggregations' must be a list of at most {_MOST} names.", remedy="See /aggregations.")
    unknown = [name for name in names if name not in _COUNTED_BY and not _PROPERTY_FREQUENCY.fullmatch(name)]
    refuse_unknown(unknown, _COUNTED_BY, what="aggregation")
    return AggregateRequest(
        query=read_selection(given, filter_lang=filter_lang), names=tuple(dict.fromkeys(names)), reach=read_reach(given)
    )


def aggregations_of(queryables: JsonObject) -> list[JsonObject]:
    """Describe the aggregations that make sense for what can be queried: one per property with few values."""
    counted = [
        name + _FREQUENCY
        for name, schema in queryables.get("properties", {}).items()
        if name not in _NOT_COUNTED and "enum" in schema.get("items", schema)
    ]
    return [_describe(name) for name in (*_COUNTED_BY, *counted)]


def to_aggregations(names: Sequence[str], counts: Mapping[str, Any]) -> list[JsonObject]:
    """Shape *counts*, in the order of *names*: totals as values, all else as buckets."""
    return [{**_describe(name), **_value(name, counts)} for name in names]


def _describe(name: str) -> JsonObject:
    if name == "total_count":
        return {"name": name, "data_type": "integer"}
    return {
        "name": name,
        "data_type": "frequency_distribution",
        "frequency_distribution_data_type": _DATA_TYPES.get(name, "string"),
    }


def _value(name: str, counts: Mapping[str, Any]) -> JsonObject:
    if name == "total_count":
        return {"value": counts["total_count"]}
    data_type = _DATA_TYPES.get(name, "string")
    buckets = counts[_counted_by(name)]
    return {"buckets": [{"key": str(each["key"]), "data_type": data_type, "frequency": each["count"]} for each in buckets]}


def _counted_by(name: str) -> str:
    return _COUNTED_BY.get(name) or name.removesuffix(_FREQUENCY)
