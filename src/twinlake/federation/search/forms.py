"""The forms that what a peer sends must have, so that it breaks no page and no client.

Only kinds of values are told here, not the rules of STAC: whatever any site may hold passes. Everything is compiled, because
each item of each answer that is passed on is looked at.
"""

from collections.abc import Sequence
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

_AROUND = 2
"""Levels of an answer around a document."""
_HARMLESS_STARTS = frozenset({"", "h", "s", "/"})
"""First characters of addresses that nobody is harmed by."""
_Some = Annotated[str, Meta(min_length=1)]
_Position = Annotated[list[float], Meta(min_length=2, max_length=3)]
_Positions = Annotated[list[_Position], Meta(min_length=1)]
_Lines = Annotated[list[_Positions], Meta(min_length=1)]
_Texts = tuple[str, ...]
_Objects = tuple[dict[str, Any], ...]
_Box = Annotated[list[float], Meta(min_length=4, max_length=6)]


class _Point(msgspec.Struct, tag="Point", gc=False):
    coordinates: _Position


class _MultiPoint(msgspec.Struct, tag="MultiPoint", gc=False):
    coordinates: _Positions


class _LineString(msgspec.Struct, tag="LineString", gc=False):
    coordinates: _Positions


class _MultiLineString(msgspec.Struct, tag="MultiLineString", gc=False):
    coordinates: _Lines


class _Polygon(msgspec.Struct, tag="Polygon", gc=False):
    coordinates: _Lines


class _MultiPolygon(msgspec.Struct, tag="MultiPolygon", gc=False):
    coordinates: Annotated[list[_Lines], Meta(min_length=1)]


_Simple = _Point | _MultiPoint | _LineString | _MultiLineString | _Polygon | _MultiPolygon


class _GeometryCollection(msgspec.Struct, tag="GeometryCollection", gc=False):
    geometries: list[_Simple]


class _Properties(msgspec.Struct, gc=False):
    """Common metadata (STAC 1.1.0) that pages and clients read."""

    title: str = ""
    description: str = ""
    datetime: str | None = None
    start_datetime: str | None = None
    end_datetime: str | None = None
    created: str = ""
    updated: str = ""
    platform: str = ""
    instruments: _Texts = ()
    constellation: str = ""
    mission: str = ""
    gsd: float = 0
    license: str = ""
    keywords: _Texts = ()
    providers: _Objects = ()


class _PartialLink(msgspec.Struct, gc=False):
    href: str = ""
    rel: str = ""
    type: str = ""
    title: str = ""


class _PartialAsset(msgspec.Struct, gc=False):
    href: str = ""
    type: str = ""
    title: str = ""
    description: str = ""
    roles: _Texts = ()
    bands: _Objects = ()
    size: Annotated[int, Meta(ge=0)] = msgspec.field(name="file:size", default=0)
    checksum: str = msgspec.field(name="file:checksum", default="")


class _Link(_PartialLink, kw_only=True, gc=False):
    href: _Some
    rel: _Some


class _Asset(_PartialAsset, kw_only=True, gc=False):
    href: _Some


class _Named(msgspec.Struct, kw_only=True, gc=False):
    type: Literal["Feature"]
    id: str
    collection: str
    properties: _Properties
    bbox: _Box | None = None
    stac_extensions: _Texts = ()


class _PartialItem(_Named, gc=False):
    """What is left of an item where the asker chose fields."""

    stac_version: str = ""
    geometry: dict[str, Any] | None = None
    links: list[_PartialLink] = []
    assets: dict[str, _PartialAsset] = {}


class _Item(_Named, gc=False):
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


def check_text(content: bytes) -> bytes:
    """Return *content*, an answer: compiled forms do not look into all of it.

    Raises
    ------
    InvalidAnswerError
        It is not UTF-8, or nested deeper than a document within an answer.
    """
    try:
        if not content.isascii():
            content.decode()
    except UnicodeDecodeError as error:
        raise InvalidAnswerError(f"Its answer is not UTF-8: {error.reason}.") from None
    if is_nested_deeper(content, MAX_DEPTH + _AROUND):
        raise InvalidAnswerError("Its answer is nested too deeply, or is not JSON.")
    return content


def check_items(bodies: Sequence[bytes], *, are_whole: bool) -> None:
    """Refuse items that are to be passed on, of which one has not the form of an item, or cannot be read.

    Parameters
    ----------
    are_whole
        Whether the asker chose no fields.

    Raises
    ------
    InvalidAnswerError
        One is misshapen, or has a name or an address that no item may have, or a number that is not finite.
    """
    if any(is_nested_deeper(body, MAX_DEPTH) for body in bodies):
        raise InvalidAnswerError("An item is nested too deeply.")
    form: type[_Item | _PartialItem] = _Item if are_whole else _PartialItem
    try:
        items = [msgspec.convert(orjson.loads(body), form) for body in bodies]
    except (msgspec.MsgspecError, orjson.JSONDecodeError) as error:
        raise InvalidAnswerError(f"An item has not the form of one: {error}.") from None
    _check_names(items)
    _check_hrefs(items, bodies)


def _check_names(items: Sequence[_Item | _PartialItem]) -> None:
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


def _check_hrefs(items: Sequence[_Item | _PartialItem], bodies: Sequence[bytes]) -> None:
    starts = {asset.href[:1] for item in items for asset in item.assets.values()}
    starts.update([link.href[:1] for item in items for link in item.links])
    if starts <= _HARMLESS_STARTS and not any(_may_have_controls(body) for body in bodies):
        return  # as nearly all are
    if any(is_harmful_href(each.href) for item in items for each in (*item.links, *item.assets.values())):
        raise InvalidAnswerError("A link or an asset of an item would run a script or open a file.")


def _may_have_controls(body: bytes) -> bool:
    return b"\\" in body or b"\x7f" in body or not body.isascii()
