"""Searches of collections as they arrive (collection search extension), checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.discovery.data.reach import ALL_SITES, REACH_MEMBERS, Reach, read_reach
from twinlake.discovery.data.requests import (
    read_bbox,
    read_datetime,
    read_fields_member,
    read_filter,
    read_limit,
    read_sortby,
    read_token,
)
from twinlake.discovery.freetext import Matcher, parse_free_text
from twinlake.holdings.catalogue.interfaces import BBox, SortKey
from twinlake.standards.stac.selecting import Fields

LIMIT = 1000
"""Collections on a page where a request names no limit: clients of the Data Lake expect all of them at once."""
COLLECTION_PARAMETERS = frozenset(
    {"q", "bbox", "datetime", "query", "filter", "filter-lang", "filter-crs", "sortby", "fields", "limit", "token", "page"}
    | REACH_MEMBERS
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionRequest:
    """A search of collections, checked. The interval is closed at both ends, in microseconds since 1970 UTC."""

    q: str | None = None
    matches_text: Matcher | None = None
    """The meaning of `q`."""
    bbox: BBox | None = None
    start: int | None = None
    end: int | None = None
    filter: JsonObject | None = None
    sortby: tuple[SortKey, ...] = ()
    limit: int = LIMIT
    token: str | None = None
    fields: Fields | None = None
    reach: Reach = ALL_SITES

    def binding(self, caller_key: str) -> bytes:
        """Return what a page token is bound to."""
        order = [(key.property, key.descending) for key in self.sortby]
        backends = None if self.reach.scope.backends is None else sorted(self.reach.scope.backends)
        where = (backends, self.reach.scope.strict, self.reach.stays_here)
        selection = (self.q, self.bbox, self.start, self.end, self.filter, order, where, caller_key)
        return orjson.dumps(selection, option=orjson.OPT_SORT_KEYS)


def read_collection_request(given: Mapping[str, Any]) -> CollectionRequest:
    """Check the parameters of a search of collections.

    Raises
    ------
    InvalidInputError
        A parameter is not of its form.
    """
    start, end = read_datetime(given.get("datetime"))
    text = given.get("q")
    return CollectionRequest(
        q=text,
        matches_text=parse_free_text(text) if text else None,
        bbox=read_bbox(given.get("bbox")),
        start=start,
        end=end,
        filter=read_filter(given, "cql2-text"),
        sortby=_without_id(read_sortby(given.get("sortby")) or ()),
        limit=read_limit(given, LIMIT),
        token=read_token(given),
        fields=read_fields_member(given),
        reach=read_reach(given),
    )


def _without_id(keys: tuple[SortKey, ...]) -> tuple[SortKey, ...]:
    """Refuse what comes after the id, which ends every order."""
    if "id" in {key.property for key in keys[:-1]}:
        raise InvalidInputError("'sortby' names fields after 'id', which no two collections share.")
    return keys
