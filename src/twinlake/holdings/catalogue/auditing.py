"""Proof that the catalogue's tables agree with each other.

Rows of items and versions are the truth; counts, notes, cells and asset rows follow from them.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson

from twinlake.engines.database import Connection
from twinlake.holdings.catalogue.bodies import unpack
from twinlake.holdings.catalogue.documents import PUBLIC_URL, digest
from twinlake.holdings.catalogue.facts import Notes, merge_notes, note_items, read_noted
from twinlake.holdings.catalogue.footprints import NOWHERE, Footprint, outline_of, read_footprints
from twinlake.holdings.catalogue.preparing import Times, read_times
from twinlake.holdings.catalogue.properties import promote
from twinlake.holdings.catalogue.statistics import month_of, year_of

_ROWS_AT_ONCE = 500
_MOST_NAMED = 100


class Audit:
    """Reads every item once and compares; its work runs on one snapshot, outside the event loop."""

    def __init__(self, tx: Connection) -> None:
        self._tx = tx
        self._cells: Counter[tuple[int, int]] = Counter()
        self._grids: Counter[tuple[str, int]] = Counter()
        self._months: Counter[int] = Counter()
        self._starts: Counter[tuple[str, int]] = Counter()
        self._spans: dict[str, tuple[int, int]] = {}
        self._notes: Notes = {}

    def differences(self) -> list[str]:
        """Return what is wrong, in words, at most 100 of each kind; empty if all agree."""
        found = [*_first(self._items()), *_first(self._orphans())]
        for table, key, counted in self._tables():
            found += _first(self._compare(table, key, counted))
        found += _first(self._bounds())
        found += _first(self._unnoted())
        return found

    def _items(self) -> Iterator[str]:
        last = 0
        while rows := self._tx.execute(
            "select i.vid, i.collection, i.id, i.at, i.starts, i.ends, i.west, i.south, i.east, i.north, i.shape, i.cell, "
            "i.grid, i.geometry, i.cloud_cover, i.platform, i.gsd, i.created, i.updated, json(i.properties), "
            "v.body, v.etag, v.collection, v.id, v.starts, v.superseded_at from item i join item_version v on v.vid = i.vid "
            "where i.vid > ? order by i.vid limit ?",
            (last, _ROWS_AT_ONCE),
        ).fetchall():
            merge_notes(self._notes, note_items((row[1], row[4], orjson.loads(row[19])) for row in rows))
            documents = [orjson.loads(unpack(row[20]).replace(PUBLIC_URL, b"")) for row in rows]
            footprints = read_footprints([outline_of(document) for document in documents])
            for row, document, footprint in zip(rows, documents, footprints, strict=True):
                self._count(row)
                yield from _check_row(row, document, footprint)
            last = rows[-1][0]

    def _count(self, row: tuple[Any, ...]) -> None:
        collection, at, starts, ends, cell, grid = row[1], row[3], row[4], row[5], row[11], row[12]
        self._cells[cell, year_of(at)] += 1
        self._months[month_of(at)] += 1
        self._starts[collection, month_of(starts)] += 1
        if grid >= 0:
            self._grids[collection, grid] += 1
        before, after = self._spans.get(collection, (0, 0))
        self._spans[collection] = max(before, at - starts), max(after, ends - at)

    def _tables(self) -> Iterator[tuple[str, str, Counter[Any]]]:
        yield "cell_count", "cell, year", self._cells
        yield "grid_count", "collection, grid", self._grids
        yield "collection_month", "collection, month", self._starts
        yield "month_count", "month", Counter({(month,): n for month, n in self._months.items()})

    def _compare(self, table: str, key: str, counted: Counter[Any]) -> Iterator[str]:
        stored = {tuple(row[:-1]): row[-1] for row in self._tx.execute(f"select {key}, n from {table} where n <> 0")}
        for name in sorted({*stored, *counted}):
            if stored.get(name, 0) != counted.get(name, 0):
                yield f"{table} {name} says {stored.get(name, 0)}, the items are {counted.get(name, 0)}"

    def _bounds(self) -> Iterator[str]:
        stored = {row[0]: row[1:] for row in self._tx.execute("select id, longest_before, longest_after from collection")}
        for collection, (before, after) in self._spans.items():
            known = stored.get(collection, (0, 0))
            if known[0] < before or known[1] < after:
                yield f"collection {collection!r} has items that reach further than it says"

    def _orphans(self) -> Iterator[str]:
        for statement, words in (
            (
                "select vid from item where not exists (select 1 from item_version v where v.vid = item.vid)",
                "item {} has no version",
            ),
            (
                "select vid from item_asset where vid not in (select vid from item_version)",
                "an asset of version {} has no version",
            ),
            (
                "select vid from item_version where superseded_at is null and vid not in (select vid from item)",
                "version {} is neither current nor superseded",
            ),
            (
                "select distinct i.collection from item i left join collection c on c.id = i.collection where c.document is null",
                "collection {} is deleted and has items",
            ),
        ):
            yield from (words.format(row[0]) for row in self._tx.execute(statement))

    def _unnoted(self) -> Iterator[str]:
        for (collection, name), noted in self._notes.items():
            if not read_noted(self._tx, collection, name).covers(noted):
                yield f"the notes on {name!r} of collection {collection!r} lack what items have"


def _check_row(row: tuple[Any, ...], document: dict[str, Any], footprint: Footprint) -> Iterator[str]:
    name = f"item {row[2]!r} of collection {row[1]!r}"
    if (document["collection"], document["id"]) != (row[1], row[2]) or (row[22], row[23]) != (row[1], row[2]):
        yield f"{name} points at a version of another item"
        return
    if digest(unpack(row[20])) != row[21]:
        yield f"{name} has a body that is not what its ETag says"
    if row[25] is not None:
        yield f"{name} points at a superseded version"
    times = read_times(row[2], document["properties"])
    if times != Times(*row[3:6]) or row[24] != times.starts:
        yield f"{name} has other times than its document"
    stored = NOWHERE if row[6] is None else Footprint(tuple(row[6:10]), row[10], row[13], row[11], row[12])
    if stored != footprint:
        yield f"{name} has another place than its document"
    if promote(document["properties"]) != tuple(row[14:19]):
        yield f"{name} has other properties in its columns than in its document"


def _first(differences: Iterator[str]) -> list[str]:
    """Return the first differences; all are looked for, since the counts need every item."""
    found = list(islice(differences, _MOST_NAMED))
    more = sum(1 for _ in differences)
    return [*found, f"… and {more} more of this kind"] if more else found
