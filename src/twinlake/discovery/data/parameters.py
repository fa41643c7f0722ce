"""The GET form of requests: query parameters, turned into the members that the POST form has."""

from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import parse_qsl

import orjson

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.discovery.data.names import refuse_unknown
from twinlake.discovery.data.reach import BACKENDS
from twinlake.standards.stac.queries import parse_bbox
from twinlake.standards.stac.selecting import parse_fields

_MOST_PARAMETERS = 100
_LISTS = frozenset({"collections", "ids", "sortby", "fields", "bbox", "q", "aggregations", BACKENDS})
"""Comma lists; given twice, their parts add up."""

Pairs = list[tuple[str, str]]


def parse_query_string(raw: bytes) -> Pairs:
    """Return the parameters of a query string in their order, percent-decoded.

    Raises
    ------
    InvalidInputError
        There are more than 100.
    """
    if not raw:
        return []
    try:
        return parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise InvalidInputError(f"The URL has more than {_MOST_PARAMETERS} parameters.") from None


def to_members(pairs: Pairs, known: Collection[str]) -> JsonObject:
    """Turn parameters into members as a POST body has them; what is blank is as if it were not there, but for `fields`.

    Raises
    ------
    InvalidInputError
        A parameter is not *known*, given twice, or not of its form.
    """
    texts: dict[str, str] = {}
    for name, text in pairs:
        if name not in texts:
            texts[name] = text
        elif name in _LISTS:
            texts[name] += f",{text}"
        else:
            raise InvalidInputError(f"The parameter {name[:80]!r} is given twice.")
    refuse_unknown(texts, known, what="parameter")
    return {
        name: _FORMS[name](text) if name in _FORMS else text for name, text in texts.items() if text.strip() or name == "fields"
    }


def _parse_list(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def _parse_whole(name: str) -> Callable[[str], int]:
    def parse(text: str) -> int:
        digits = text.strip()
        if not digits.isascii() or not digits.removeprefix("-").isdigit() or len(digits) > 18:
            raise InvalidInputError(
                f"The {name} {text[:40]!r} is not a whole number.", remedy=f"Write one in digits, such as {name}=10."
            )
        return int(digits)

    return parse


def _parse_sortby(text: str) -> list[JsonObject]:
    """Read ``-datetime,+id``; an unescaped plus arrives as a blank."""
    return [
        {"field": part.lstrip("+- "), "direction": "desc" if part.lstrip().startswith("-") else "asc"}
        for part in text.split(",")
        if part.strip()
    ]


def _parse_json(name: str) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise InvalidInputError(f"The parameter {name!r} is not JSON: {error}.") from None

    return parse


_FORMS: dict[str, Callable[[str], Any]] = {
    "collections": _parse_list,
    "ids": _parse_list,
    "aggregations": _parse_list,
    BACKENDS: _parse_list,
    "bbox": lambda text: list(parse_bbox(text)),
    "limit": _parse_whole("limit"),
    "page": _parse_whole("page"),
    "sortby": _parse_sortby,
    "fields": parse_fields,
    "intersects": _parse_json("intersects"),
    "query": _parse_json("query"),
}
