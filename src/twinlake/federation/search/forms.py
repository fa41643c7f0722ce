"""The forms that what a peer sends must have, so that it breaks no page and no client.

Only kinds of values are told here, not the rules of STAC: whatever any site may hold passes. Everything is compiled, because
each item of each answer is looked at.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import msgspec
import orjson
from msgspec import Meta

from twinlake.core.errors import InvalidInputError
from twinlake.core.ids import check_id
from twinlake.core.nesting import is_nested_deeper
from twinlake.federation.search.errors import InvalidAnswerError
from twinlake.standards.stac.documents import MAX_DEPTH
from twinlake.standards.stac.fields import is_harmful_href

_HARMLESS_STARTS = frozenset({"", "h", "s", "/"})
"""First characters of addresses that nobody is harmed by."""
_Some = Annotated[str, Meta(min_length=1)]
_Position = Annotated[list[float], Meta(min_length=2, max_length=3)]
_Positions = Annotated[list[_Position], Meta(min_length=1)]
_Lines = Annotated[list[_Positions], Meta(min_length=1)]
_Box = Annotated[list[float], Meta(min_length=4, max_length=6)]


class _Point(msgspec.Struct, tag="Point"):
    coordinates: _Position


class _MultiPoint(msgspec.Struct, tag="MultiPoint"):
    coordinates: _Positions


class _LineString(msgspec.Struct, tag="LineString"):
    coordinates: _Positions


class _MultiLineString(msgspec.Struct, tag="MultiLineString"):
    coordinates: _Lines


class _Polygon(msgspec.Struct, tag="Polygon"):
    coordinates: _Lines


class _MultiPolygon(msgspec.Struct, tag="MultiPolygon"):
    coordinates: Annotated[list[_Lines], Meta(min_length=1)]


_Simple = _Point | _MultiPoint | _LineString | _MultiLineString | _Polygon | _MultiPolygon


class _GeometryCollection(msgspec.Struct, tag="GeometryCollection"):
    geometries: list[_Simple]


class _Common(msgspec.Struct, kw_only=True):
    """Common metadata (STAC 1.1.0)."""

    title: str = ""
    description: str = ""
    keywords: list[str] = []
    roles: list[str] = []
    platform: str = ""
    instruments: list[str] = []
    constellation: str = ""
    mission: str = ""
    gsd: float = 0
    license: str = ""
    providers: list[dict[str, Any]] = []
    bands: list[dict[str, Any]] = []


class _Properties(_Common):
    datetime: str | None = None
    start_datetime: str | None = None
    end_datetime: str | None = None
    created: str = ""
    updated: str = ""


class _PartialLink(msgspec.Struct, kw_only=True):
    href: str = ""
    rel: str = ""
    type: str = ""
    title: str = ""


class _PartialAsset(_Common):
    href: str = ""
    type: str = ""
    size: Annotated[int, Meta(ge=0)] = msgspec.field(name="file:size", default=0)
    checksum: str = msgspec.field(name="file:checksum", default="")


class _Link(_PartialLink):
    href: _Some
    rel: _Some


class _Asset(_PartialAsset):
    href: _Some


class _Named(msgspec.Struct, kw_only=True):
    type: Literal["Feature"]
    id: str
    collection: str
    properties: _Properties
    bbox: _Box | None = None
    stac_extensions: list[str] = []


class PartialItem(_Named):
    """What is left of an item where the asker chose fields."""

    stac_version: str = ""
    geometry: dict[str, Any] | None = None
    links: list[_PartialLink] = []
    assets: dict[str, _PartialAsset] = {}


class Item(_Named):
    """A whole item."""

    stac_version: str
    geometry: _Simple | _GeometryCollection | None
    links: list[_Link]
    assets: dict[str, _Asset]


class _Queryable(msgspec.Struct):
    title: str = ""
    description: str = ""
    type: str | list[str] = ""
    format: str = ""
    enum: list[Any] = []
    items: dict[str, Any] = {}
    ref: str = msgspec.field(name="$ref", default="")


class Queryables(msgspec.Struct):
    """The JSON Schema of what can be queried."""

    properties: dict[str, _Queryable] = {}


def read_json(content: bytes) -> Any:
    """Return the JSON in *content*: UTF-8, finite numbers, nothing nested deeper than a document within an answer.

    Raises
    ------
    InvalidAnswerError
        It is none, or another.
    """
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise InvalidAnswerError(f"Its answer is not JSON: {error}.") from None
    if is_nested_deeper(content, MAX_DEPTH + 2):
        raise InvalidAnswerError("Its answer is nested too deeply.")
    return answer


def check_names(items: Sequence[Item | PartialItem]) -> None:
    """Refuse items with a name or an address that no item may have.

    Raises
    ------
    InvalidAnswerError
        One has.
    """
    try:
        for item in items:
            check_id(item.id, "item")
            if item.bbox is not None and len(item.bbox) == 5:
                raise InvalidAnswerError("The bbox of an item has five numbers.")
        for collection in {item.collection for item in items}:
            check_id(collection, "collection")
        for key in {key for item in items for key in item.assets}:
            check_id(key, "asset")
    except InvalidInputError as error:
        raise InvalidAnswerError(error.message) from error
    hrefs = [each.href for item in items for each in (*item.links, *item.assets.values())]
    if not _are_plain(hrefs) and any(is_harmful_href(href) for href in hrefs):
        raise InvalidAnswerError("A link or an asset of an item would run a script or open a file.")


def _are_plain(hrefs: Iterable[str]) -> bool:
    """Tell whether *hrefs* are such as nearly all are, which need no closer look."""
    return {href[:1] for href in hrefs} <= _HARMLESS_STARTS and "".join(hrefs).isprintable()
