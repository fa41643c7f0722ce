"""The sort key of an item, computed from its document: the same that the catalogue orders by.

A site sorts by columns of its database; who merges the answers of several sites has documents only, and believes no key that
a peer tells. A test holds both to the same order.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal

import msgspec
import orjson

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.holdings.catalogue.documents import default_states
from twinlake.holdings.catalogue.functions import first_moment
from twinlake.holdings.catalogue.interfaces import SortKey
from twinlake.holdings.catalogue.ordering import order_of
from twinlake.holdings.catalogue.preparing import read_times
from twinlake.holdings.catalogue.properties import PROMOTED_BY_NAME, read_promoted, within_64_bits
from twinlake.standards.cql2 import TIMESTAMP_PROPERTIES
from twinlake.standards.datalake import BACKENDS

Key = tuple[Any, ...]
"""Sort values, id and collection: numbers (instants as microseconds), texts and nulls, as `ItemQuery.after` has them."""
Place = tuple[Any, ...]
"""A key in a form that Python's comparison orders rightly, whatever the directions and types."""

_TIMES = ("properties.datetime", "properties.start_datetime", "properties.end_datetime")
_STATES = frozenset({"storage:tier", "order:status"})


class _Times(msgspec.Struct):
    datetime: str | None = None
    start_datetime: str | None = None
    end_datetime: str | None = None


class _Timed(msgspec.Struct):
    type: Literal["Feature"]
    id: str
    collection: str
    properties: _Times


class _Plain(msgspec.Struct):
    type: Literal["Feature"]
    id: str
    collection: str
    properties: dict[str, Any]


_read_timed = msgspec.json.Decoder(_Timed).decode
_read_plain = msgspec.json.Decoder(_Plain).decode


_NO_ITEM = (
    msgspec.MsgspecError,
    UnicodeDecodeError,
    orjson.JSONDecodeError,
    orjson.JSONEncodeError,
    RecursionError,
    OverflowError,
)


class _Descending:
    """A text that comes before those it usually comes after."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __lt__(self, other: "_Descending") -> bool:
        return other.text < self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


class KeyOrder:
    """The total order of one query over documents: as `sortby` says, nulls last, then id and collection."""

    def __init__(self, sortby: tuple[SortKey, ...]) -> None:
        self._order = order_of(sortby)
        self._values = [_value_of(column.name) for column in self._order.columns]
        self._names = frozenset(column.name for column in self._order.columns)
        self._indexes = {column.name: number for number, column in enumerate(self._order.columns)}
        self._directions = [column.descending for column in self._order.columns]

    @property
    def fields(self) -> tuple[str, ...] | None:
        """Paths of what a document must have for its key to be computed; None means all of it."""
        if self._names & _STATES:
            return None
        named = sorted(self._names - {"id", "collection", "datetime"})
        return ("type", "id", "collection", *_TIMES, *(f"properties.{name}" for name in named))

    def index(self, name: str) -> int:
        """Return at which place of a key the value of *name* stands."""
        return self._indexes[name]

    def read(self, body: bytes) -> Key:
        """Return the key of the item with the document *body*.

        Raises
        ------
        InvalidInputError
            It is no item, or has no time.
        """
        try:
            if self._order.by_time is not None:
                timed = _read_timed(body)
                return read_times(timed.id, msgspec.structs.asdict(timed.properties)).at, timed.id, timed.collection
            plain = _read_plain(body)
            if self._names & _STATES:
                return self.key(orjson.loads(body))
            return self.key({"id": plain.id, "collection": plain.collection, "properties": plain.properties})
        except _NO_ITEM as error:
            raise InvalidInputError(f"There is no STAC Item: {error}.") from error

    def key(self, document: JsonObject) -> Key:
        """Return the key of an item."""
        return tuple([value(document) for value in self._values])

    def place(self, key: Key) -> Place:
        """Return where in the order *key* is."""
        if self._order.by_time:
            return (-key[0], *key[1:])
        return tuple([_place(value, descending) for value, descending in zip(key, self._directions, strict=True)])

    def check(self, key: Sequence[Any]) -> Key:
        """Return *key*, which came from elsewhere, if it can be one of this order.

        Raises
        ------
        InvalidInputError
            It has another length, or its members are no plain values.
        """
        id_and_collection = [value for value, c in zip(key, self._order.columns, strict=False) if not c.is_nullable]
        if len(key) != len(self._order.columns) or any(value is None for value in id_and_collection):
            raise InvalidInputError("The key belongs to another order.")
        if not all(value is None or type(value) in {int, float, str} for value in key):
            raise InvalidInputError("A key has numbers, texts and nulls only.")
        if any(type(value) is int and type(within_64_bits(value)) is float for value in key):
            raise InvalidInputError("A number of the key has more than 64 bits.")
        return tuple(key)


@lru_cache(maxsize=256)
def key_order(sortby: tuple[SortKey, ...]) -> KeyOrder:
    """Return the order that *sortby* begins.

    Raises
    ------
    UnsortablePropertyError
        A name is empty or too long.
    """
    return KeyOrder(sortby)


def _place(value: Any, descending: bool) -> Place:  # noqa: FBT001 - mapped over columns
    """Order as SQLite does: numbers before texts, texts by code point, and nulls last in either direction."""
    if value is None:
        return (1,)
    if isinstance(value, str):
        return (0, -1, _Descending(value)) if descending else (0, 1, value)
    return (0, 0, -value if descending else value)


def _value_of(name: str) -> Callable[[JsonObject], Any]:
    if name in {"id", "collection"}:
        return lambda document: document[name]
    if name == "datetime":
        return lambda document: read_times(document["id"], document["properties"]).at
    if name in PROMOTED_BY_NAME:
        promoted = PROMOTED_BY_NAME[name]
        return lambda document: read_promoted(promoted, document["properties"].get(name))
    if name in TIMESTAMP_PROPERTIES:
        return lambda document: first_moment(document["properties"].get(name))
    if name == BACKENDS:
        return lambda _: None  # Each site writes its own as it answers and keeps none.
    if name in _STATES:
        return lambda document: _state(document, name)
    return lambda document: _json_value(document["properties"].get(name))


def _state(document: JsonObject, name: str) -> Any:
    """Return a state that is not the one which goes without saying; that one is not kept, so it does not sort."""
    value = document["properties"].get(name)
    return None if value == default_states(document).get(name) else _json_value(value)


def _json_value(value: Any) -> Any:
    """Return what SQLite's ``json_extract`` makes of *value*: truth as numbers, lists and objects as their text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return within_64_bits(value)
    return orjson.dumps(value).decode()
