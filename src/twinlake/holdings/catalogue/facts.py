"""What the properties of a collection's items can be: never less than what the items have.

So a filter that excludes all of it is answered at once, and queryables and summaries need no scan. The book notes in
the transaction of the items; what it has noted before costs nothing.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
import orjson

from twinlake.core.documents import JsonObject
from twinlake.engines.database import Connection
from twinlake.holdings.catalogue.properties import ValueType
from twinlake.standards.cql2 import TIMESTAMP_PROPERTIES

MOST_VALUES = 100
"""With more different texts a property is open: no enumeration is kept."""
_LONGEST_VALUE = 200
_NEVER = 1 << 62
_ROWS_AT_ONCE = 1000
_STRING, _NUMBER, _INTEGER = ValueType.STRING.value, ValueType.NUMBER.value, ValueType.INTEGER.value


class Noted(msgspec.Struct, array_like=True):
    """What is known of one property of one collection."""

    types: int = 0
    low: float | None = None
    high: float | None = None
    is_open: bool = False
    first_start: int = _NEVER
    values: dict[str, int] = {}
    """First start by text; empty when open."""

    def add(self, name: str, value: Any, starts: int) -> None:
        """Note that an item which starts at *starts* has *value* for *name*; null tells nothing."""
        if value is None:
            return
        self.first_start = min(self.first_start, starts)
        if isinstance(value, str):
            self.types |= _STRING
            self._add_text(name, value, starts)
        elif isinstance(value, bool):
            self.types |= ValueType.BOOLEAN.value
        elif isinstance(value, int | float):
            self.types |= _INTEGER if isinstance(value, int) else _NUMBER
            self.low = value if self.low is None or value < self.low else self.low
            self.high = value if self.high is None or value > self.high else self.high
        elif isinstance(value, list):
            self.types |= ValueType.ARRAY.value
            for entry in value:
                if isinstance(entry, str):
                    self._add_text(name, entry, starts)
        else:
            self.types |= ValueType.OBJECT.value

    def _add_text(self, name: str, text: str, starts: int) -> None:
        if self.is_open or self.values.get(text, _NEVER) <= starts:
            return
        self.values[text] = starts
        if len(self.values) > MOST_VALUES or len(text) > _LONGEST_VALUE or name in TIMESTAMP_PROPERTIES:
            self.is_open = True
            self.values.clear()

    def merge(self, other: "Noted") -> None:
        """Note all that *other* notes."""
        self.types |= other.types
        self.first_start = min(self.first_start, other.first_start)
        if other.low is not None and other.high is not None:
            self.low = other.low if self.low is None else min(self.low, other.low)
            self.high = other.high if self.high is None else max(self.high, other.high)
        self.is_open |= other.is_open
        for text, starts in other.values.items():
            self.values[text] = min(self.values.get(text, starts), starts)
        if self.is_open or len(self.values) > MOST_VALUES:
            self.is_open = True
            self.values.clear()

    def covers(self, other: "Noted") -> bool:
        """Tell whether *other* notes nothing new."""
        return (
            self.types | other.types == self.types
            and self.first_start <= other.first_start
            and (other.low is None or other.high is None or self._spans(other.low, other.high))
            and (self.is_open or not other.is_open)
            and (self.is_open or all(self.values.get(text, _NEVER) <= starts for text, starts in other.values.items()))
        )

    def _spans(self, low: float, high: float) -> bool:
        return self.low is not None and self.high is not None and self.low <= low and high <= self.high


Notes = dict[tuple[str, str], Noted]
"""By collection and property."""


def note_items(items: Iterable[tuple[str, int, JsonObject]]) -> Notes:
    """Gather what items tell: of each its collection, when it starts (microseconds since 1970 UTC), and its properties."""
    columns: dict[tuple[str, str], tuple[list[Any], list[int]]] = {}
    for collection, starts, properties in items:
        for name, value in properties.items():
            column = columns.get((collection, name))
            if column is None:
                column = columns[collection, name] = [], []
            column[0].append(value)
            column[1].append(starts)
    return {key: _note_column(key[1], *column) for key, column in columns.items()}


def _note_column(name: str, values: list[Any], starts: list[int]) -> Noted:
    """Note the values of one property, those of the usual types all at once."""
    noted, types = Noted(), set(map(type, values))
    if types <= {int, float}:
        noted.types = (_INTEGER if int in types else 0) | (_NUMBER if float in types else 0)
        noted.low, noted.high, noted.first_start = min(values), max(values), min(starts)
    elif types == {str}:
        noted.types, noted.first_start = _STRING, min(starts)
        noted.is_open = name in TIMESTAMP_PROPERTIES or len(set(values)) > MOST_VALUES or max(map(len, values)) > _LONGEST_VALUE
        if not noted.is_open:
            noted.values = {text: first for first, text in sorted(zip(starts, values, strict=True), reverse=True)}
    else:
        for value, first in zip(values, starts, strict=True):
            noted.add(name, value, first)
    return noted


class FactBook:
    """Keeps the notes in the database and remembers what stands there.

    `write` runs in the transaction; what it returns is handed to `remember` once that is committed, never before: a
    memory of what was rolled back would let an item through unnoted.
    """

    def __init__(self) -> None:
        self._known: Notes = {}
        self._generation = 0
        self._record: Notes | None = None

    def write(self, tx: Connection, notes: Notes) -> tuple[int, Notes]:
        """Note what is new of *notes*; return what to `remember`."""
        fresh: Notes = {}
        for key, noted in notes.items():
            if self._record is not None:
                self._record.setdefault(key, Noted()).merge(noted)
            known = self._known.get(key)
            if known is not None and known.covers(noted):
                continue
            stored = read_noted(tx, *key)
            if stored.covers(noted):
                fresh[key] = stored
                continue
            merged = Noted()
            merged.merge(stored)
            merged.merge(noted)
            write_noted(tx, *key, merged, stored)
            fresh[key] = merged
        return self._generation, fresh

    def remember(self, written: tuple[int, Notes]) -> None:
        """Remember what a committed `write` returned."""
        generation, fresh = written
        if generation == self._generation:
            self._known.update(fresh)

    def start_record(self) -> None:
        """Record from now on what is written: the first step of making the notes anew. Runs in the writer."""
        self._record = {}

    def replace(self, tx: Connection, collection: str, notes: Notes) -> None:
        """Replace what stands of a collection by *notes*, gathered since `start_record`, and by what was recorded."""
        for key, noted in self._record.items() if self._record is not None else ():
            if key[0] == collection:
                notes.setdefault(key, Noted()).merge(noted)
        self._record = None
        self._generation += 1
        self._known.clear()
        tx.execute("delete from property_value where collection = ?", (collection,))
        tx.execute("delete from property_range where collection = ?", (collection,))
        for key, noted in notes.items():
            write_noted(tx, *key, noted, Noted())


def gather_notes(tx: Connection, collection: str) -> Notes:
    """Return what the items of a collection tell, by reading them all."""
    notes: Notes = {}
    rows = tx.execute("select starts, json(properties) from item where collection = ?", (collection,))
    while some := rows.fetchmany(_ROWS_AT_ONCE):
        merge_notes(notes, note_items((collection, starts, orjson.loads(properties)) for starts, properties in some))
    return notes


def merge_notes(notes: Notes, more: Notes) -> None:
    """Add *more* to *notes*."""
    for key, noted in more.items():
        notes.setdefault(key, Noted()).merge(noted)


def read_noted(tx: Connection, collection: str, name: str) -> Noted:
    """Return what stands of one property."""
    row = tx.execute(
        "select types, low, high, is_open, first_start from property_range where collection = ? and property = ?",
        (collection, name),
    ).fetchone()
    if row is None:
        return Noted()
    values = tx.execute(
        "select value, first_start from property_value where collection = ? and property = ?", (collection, name)
    ).fetchall()
    return Noted(row[0], row[1], row[2], bool(row[3]), row[4], dict(values))


def write_noted(tx: Connection, collection: str, name: str, noted: Noted, stored: Noted) -> None:
    """Replace what stands of one property, *stored*, by *noted*."""
    tx.execute(
        "insert into property_range values (?, ?, ?, ?, ?, ?, ?) on conflict do update set "
        "types = excluded.types, low = excluded.low, high = excluded.high, is_open = excluded.is_open, "
        "first_start = excluded.first_start",
        (collection, name, noted.types, _real(noted.low), _real(noted.high), int(noted.is_open), noted.first_start),
    )
    if noted.is_open and stored.values:
        tx.execute("delete from property_value where collection = ? and property = ?", (collection, name))
    changed = [(collection, name, text, start) for text, start in noted.values.items() if stored.values.get(text) != start]
    tx.executemany(
        "insert into property_value values (?, ?, ?, ?) on conflict do update set first_start = excluded.first_start", changed
    )


def _real(number: float | None) -> float | None:
    """Return a bound as the column keeps it; an integer of more than 64 bits could not even be bound."""
    return None if number is None else float(number)
