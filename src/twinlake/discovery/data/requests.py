"""Searches as they arrive, checked member by member; GET and POST become the same request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import shapely
from shapely.geometry.base import BaseGeometry

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.discovery.data.names import refuse_unknown
from twinlake.discovery.data.reach import ALL_SITES, BACKENDS, REACH_MEMBERS, Reach, read_reach
from twinlake.discovery.data.stacql import join_by_and, to_cql2
from twinlake.holdings.catalogue.interfaces import ItemQuery, SortKey
from twinlake.standards.cql2 import check_json, parse_text
from twinlake.standards.geojson import find_geometry_problems, to_shape
from twinlake.standards.problems import InvalidDocumentError
from twinlake.standards.stac.queries import parse_bbox, parse_datetime_query
from twinlake.standards.stac.selecting import Fields, read_fields

LIMIT = 10
"""Items on a page where a search names no limit."""
MAX_LIMIT = 10_000
"""A larger limit is taken for this one (STAC API - Item Search: a limit is a wish)."""
LIMIT_REMEDY = f"Ask for 1 to {MAX_LIMIT} on a page."
NEWEST_FIRST = (SortKey("datetime", descending=True),)
_MOST_SORT_KEYS = 8
_MOST_IDS = 10_000
_CRS84 = frozenset({"http://www.opengis.net/def/crs/OGC/1.3/CRS84", "https://www.opengis.net/def/crs/OGC/1.3/CRS84"})
_PROPERTIES = "properties."
_DATE = re.compile(r"(?:^|/)\d{4}-\d\d-\d\d(?:$|/)", re.ASCII)
"""Day as a side of an interval: STAC API 1.0.0 takes date-times of RFC 3339, section 5.6, only."""
_DATETIME_REMEDY = "Write 2026-05-28T00:00:00Z or 2026-05-28T00:00:00Z/2026-05-28T23:59:59Z, .. for an open side."

FILTERS = frozenset(
    {"collections", "ids", "bbox", "intersects", "datetime", "query", "filter", "filter-lang", "filter-crs", "conf"}
)
"""What selects items. ``conf`` holds settings of another server's search function; clients written for it send it, and nothing
in it changes which items are meant."""
_LISTS = frozenset({"collections", "ids", "sortby", "aggregations", BACKENDS})
SEARCH_MEMBERS = FILTERS | REACH_MEMBERS | {"limit", "sortby", "fields", "token", "page"}
ITEMS_PARAMETERS = SEARCH_MEMBERS - {"conf"}
"""Of the items of one collection, which pystac-client names once more in `collections`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """A search of items, checked."""

    query: ItemQuery
    """Without `after`, which the token holds."""
    token: str | None = None
    fields: Fields | None = None
    reach: Reach = ALL_SITES


def binding(query: ItemQuery, caller_key: str) -> bytes:
    """Return what a page token is bound to: what the query selects, its order, and the caller."""
    area = shapely.to_wkb(query.intersects) if query.intersects is not None else b""
    order = [(key.property, key.descending) for key in query.sortby]
    selection = (query.collections, query.ids, query.bbox, query.start, query.end, query.filter, order, caller_key)
    return orjson.dumps(selection, option=orjson.OPT_SORT_KEYS) + area


def read_search(members: Mapping[str, Any], *, filter_lang: str) -> SearchRequest:
    """Check the members of a search.

    Parameters
    ----------
    filter_lang
        The language of `filter` where the request names none.

    Raises
    ------
    InvalidInputError
        A member is unknown, not of its form, or at odds with another.
    """
    refuse_unknown(members, SEARCH_MEMBERS, what="member")
    given = present(members)
    token = read_token(given)
    return SearchRequest(
        query=read_selection(given, filter_lang=filter_lang, sortby=read_sortby(given.get("sortby")), limit=read_limit(given)),
        token=token,
        fields=read_fields_member(members),
        reach=read_reach(given),
    )


def present(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that say something: null and empty lists are as if they were not there, as other servers have it."""
    return {name: value for name, value in members.items() if value is not None and (value != [] or name not in _LISTS)}


def read_selection(
    given: Mapping[str, Any], *, filter_lang: str, sortby: tuple[SortKey, ...] | None = None, limit: int = LIMIT
) -> ItemQuery:
    """Check those of the *given* members that select items."""
    if "bbox" in given and "intersects" in given:
        raise InvalidInputError("'bbox' and 'intersects' exclude each other.", remedy="Send one of them.")
    start, end = read_datetime(given.get("datetime"))
    return ItemQuery(
        collections=_read_names("collections", given.get("collections")),
        ids=_read_names("ids", given.get("ids")),
        bbox=read_bbox(given.get("bbox")),
        intersects=_read_geometry(given.get("intersects")),
        start=start,
        end=end,
        filter=read_filter(given, filter_lang),
        sortby=sortby or NEWEST_FIRST,
        limit=limit,
    )


def read_limit(given: Mapping[str, Any], default: int = LIMIT) -> int:
    """Return the size of a page, at most `MAX_LIMIT`."""
    limit = given.get("limit", default)
    if type(limit) is not int:
        raise InvalidInputError(f"The limit {str(limit)[:40]!r} is not a whole number.", remedy=LIMIT_REMEDY)
    if limit < 1:
        raise InvalidInputError(f"The limit {limit} is not positive.", remedy=LIMIT_REMEDY)
    return min(limit, MAX_LIMIT)


def read_token(given: Mapping[str, Any]) -> str | None:
    """Return the page token.

    Clients of other servers also count pages in `page`; here the token alone tells where to go on.
    """
    token, page = given.get("token"), given.get("page")
    if token is not None and (not isinstance(token, str) or not token):
        raise InvalidInputError("'token' must be the text of a next link.")
    if token is None and page not in (None, 1, "1"):
        raise InvalidInputError(f"There is no page {str(page)[:20]!r} by number.", remedy="Follow the link 'next' of each page.")
    return token


def read_bbox(value: Any) -> tuple[float, float, float, float] | None:
    """Return the box of a list of 4 or 6 numbers."""
    if value is None:
        return None
    if not isinstance(value, list) or any(type(number) not in {int, float} for number in value):
        raise InvalidInputError("'bbox' must be a list of 4 or 6 numbers.", remedy="Write [west, south, east, north] in degrees.")
    return parse_bbox(value)


def read_datetime(value: Any) -> tuple[int | None, int | None]:
    """Return first and last microsecond of an instant or interval; None leaves a side open."""
    if value is None:
        return None, None
    if not isinstance(value, str):
        raise InvalidInputError("'datetime' must be text.", remedy=_DATETIME_REMEDY)
    if _DATE.search(value):
        raise InvalidInputError(f"The datetime {value[:80]!r} has a date without a time.", remedy=_DATETIME_REMEDY)
    return parse_datetime_query(value)


def read_sortby(value: Any) -> tuple[SortKey, ...] | None:
    """Return what to sort by; property names come without ``properties.``."""
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > _MOST_SORT_KEYS:
        raise InvalidInputError(f"'sortby' must be a list of at most {_MOST_SORT_KEYS} fields.")
    keys = tuple(_read_sort_key(entry) for entry in value)
    if len({key.property for key in keys}) < len(keys):
        raise InvalidInputError("'sortby' names a field twice.")
    return keys


def read_fields_member(members: Mapping[str, Any]) -> Fields | None:
    """Return which fields to send; None for all."""
    if "fields" not in members:
        return None
    value = members["fields"]
    return value if isinstance(value, Fields) else read_fields(value)


def read_filter(given: Mapping[str, Any], filter_lang: str) -> JsonObject | None:
    """Return `filter` and `query` as one CQL2 expression in JSON."""
    crs = given.get("filter-crs")
    if crs is not None and not (isinstance(crs, str) and crs in _CRS84):
        raise InvalidInputError(f"The filter-crs {str(crs)[:80]!r} is not known here.", remedy=f"Use {min(_CRS84)}.")
    terms = []
    if "query" in given and (translated := to_cql2(given["query"])) is not None:
        terms.append(check_json(translated))
    if "filter" in given:
        terms.append(_read_cql2(given["filter"], given.get("filter-lang", filter_lang)))
    return join_by_and(terms)


def _read_cql2(expression: Any, language: Any) -> JsonObject:
    if language == "cql2-text":
        if not isinstance(expression, str):
            raise InvalidInputError("A filter in cql2-text must be text.", remedy="Set filter-lang to cql2-json for an object.")
        return parse_text(expression)
    if language == "cql2-json":
        return check_json(_parse_embedded(expression) if isinstance(expression, str) else expression)
    raise InvalidInputError(f"The filter-lang {str(language)[:40]!r} is not known here.", remedy="Use cql2-text or cql2-json.")


def _parse_embedded(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInputError(f"The filter is not JSON: {error}.", remedy="Set filter-lang to cql2-text for text.") from None


def _read_sort_key(entry: Any) -> SortKey:
    if not isinstance(entry, dict) or not entry.keys() <= {"field", "direction"} or not isinstance(entry.get("field"), str):
        raise InvalidInputError("'sortby' must be a list of objects with 'field' and 'direction'.")
    direction = entry.get("direction", "asc")
    if direction not in ("asc", "desc") or not entry["field"]:
        raise InvalidInputError(f"The sort direction {str(direction)[:20]!r} is neither 'asc' nor 'desc'.")
    return SortKey(entry["field"].removeprefix(_PROPERTIES), descending=direction == "desc")


def _read_names(name: str, value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, str):  # stac-api-validator sends a single id so
        return (value,)
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise InvalidInputError(f"{name!r} must be a list of ids.")
    if len(value) > _MOST_IDS:
        raise InvalidInputError(f"{name!r} has more than {_MOST_IDS} entries.", remedy="Split the search.")
    return tuple(dict.fromkeys(value))


def _read_geometry(value: Any) -> BaseGeometry | None:
    if value is None:
        return None
    problems = find_geometry_problems(value, "intersects")
    if problems:
        raise InvalidDocumentError("The geometry of 'intersects'", problems)
    return to_shape(value)
