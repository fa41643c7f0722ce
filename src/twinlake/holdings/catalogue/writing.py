"""Items written: version, slim row, assets, statistics, notes and event in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

import orjson

from twinlake.engines.database import Connection
from twinlake.events.interfaces import EventRange, EventWriter, NewEvent
from twinlake.holdings.catalogue import statistics
from twinlake.holdings.catalogue.announcing import EVENT_TYPE, Operation, item_event, range_source
from twinlake.holdings.catalogue.bodies import Publisher
from twinlake.holdings.catalogue.errors import (
    CollectionNotFoundError,
    EtagMismatchError,
    ItemExistsError,
    ItemNotFoundError,
)
from twinlake.holdings.catalogue.facts import FactBook, Notes
from twinlake.holdings.catalogue.preparing import Prepared, PreparedItem, Times
from twinlake.holdings.catalogue.statistics import Place

Outcome = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True, slots=True)
class Current:
    """The version that an item points at."""

    vid: int
    place: Place
    sha256: bytes
    etag: bytes


@dataclass(slots=True)
class Written:
    """What a transaction did."""

    outcomes: list[Outcome] = field(default_factory=list)
    notes: tuple[int, Notes] = (0, {})
    """To be remembered once it is committed."""


_CURRENT = """
select i.collection, i.id, i.vid, i.at, i.starts, i.ends, i.west, i.south, i.east, i.north, i.cell, i.grid, v.sha256, v.etag
from json_each(?) named cross join item i on i.id = named.value ->> 0 and i.collection = named.value ->> 1
join item_version v on v.vid = i.vid
"""
_SUPERSEDED = """
select v.collection, v.id, v.sha256, v.vid
from json_each(?) named cross join item_version v on v.id = named.value ->> 0 and v.collection = named.value ->> 1
where v.superseded_at is not null
"""
_INSERT_VERSION = """
insert into item_version(vid, collection, id, sha256, starts, made_at, etag, body, original) values (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_INSERT_ITEM = "insert into item values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, jsonb(?), ?)"


def find_current(tx: Connection, collection: str, item: str) -> Current | None:
    """Return the current version of an item, or None."""
    return _read_current(tx, orjson.dumps([(item, collection)]).decode()).get((collection, item))


def _find_versions(
    tx: Connection, items: Sequence[PreparedItem]
) -> tuple[dict[tuple[str, str], Current], dict[tuple[str, str, bytes], int]]:
    """Return the current versions of *items*, and the numbers of those that were superseded by SHA-256."""
    named = orjson.dumps([(item.id, item.collection) for item in items]).decode()
    superseded = tx.execute(_SUPERSEDED, (named,)).fetchall()
    return _read_current(tx, named), {(collection, item, sha256): vid for collection, item, sha256, vid in superseded}


def _read_current(tx: Connection, named: str) -> dict[tuple[str, str], Current]:
    found = {}
    for collection, item, vid, at, starts, ends, west, south, east, north, cell, grid, sha256, etag in tx.execute(
        _CURRENT, (named,)
    ):
        box = None if west is None else (west, south, east, north)
        found[collection, item] = Current(vid, Place(collection, Times(at, starts, ends), box, cell, grid), sha256, etag)
    return found


@dataclass(frozen=True, slots=True)
class _Step:
    item: PreparedItem
    current: Current | None
    vid: int
    outcome: Outcome
    is_new: bool
    """Whether the version is new, rather than one that was there before."""


class ItemWriter:
    """Writes prepared items and deletes items; its functions run inside a transaction."""

    def __init__(self, *, events: EventWriter, facts: FactBook, publisher: Publisher) -> None:
        self._events = events
        self._facts = facts
        self._publisher = publisher

    def put(
        self,
        tx: Connection,
        prepared: Prepared,
        now: int,
        *,
        create: bool = False,
        if_match: str | None = None,
        in_bulk: bool = False,
    ) -> Written:
        """Write what is *prepared*, in order; with *in_bulk* the events of new versions are ranges.

        Raises
        ------
        CollectionNotFoundError, ItemExistsError, EtagMismatchError
        """
        for collection in {item.collection for item in prepared.items}:
            require_collection(tx, collection)
        written = Written(notes=self._facts.write(tx, prepared.notes))
        for run in _distinct_runs(prepared.items):
            steps = self._decide(tx, run, create=create, if_match=if_match)
            self._write(tx, steps, now)
            self._count(tx, steps)
            self._announce(tx, steps, in_bulk=in_bulk)
            written.outcomes.extend(step.outcome for step in steps)
        return written

    def delete(self, tx: Connection, collection: str, item: str, now: int, *, if_match: str | None) -> None:
        """Delete an item; its versions and a tombstone stay.

        Raises
        ------
        CollectionNotFoundError, ItemNotFoundError, EtagMismatchError
        """
        require_collection(tx, collection)
        current = find_current(tx, collection, item)
        if current is None:
            raise ItemNotFoundError(collection, item)
        self._check_match(current, item, if_match)
        remove_rows(tx, [(current.vid, collection, item)], now)
        bbox = None if current.place.box is None else [value / 1e6 for value in current.place.box]
        self._events.append(tx, [item_event("delete", collection, item, bbox, current.place.times)])
        statistics.apply(tx, [], [current.place])

    def _check_match(self, current: Current | None, item: str, if_match: str | None) -> None:
        if if_match is None:
            return
        if current is None or if_match not in {"*", self._publisher.etag(current.etag)}:
            raise EtagMismatchError(f"Item {item!r}")

    def _decide(self, tx: Connection, items: Sequence[PreparedItem], *, create: bool, if_match: str | None) -> list[_Step]:
        [(next_vid,)] = tx.execute("select coalesce(max(seq), 0) + 1 from sqlite_sequence where name = 'item_version'")
        there, superseded = _find_versions(tx, items)
        steps = []
        for item in items:
            key = item.collection, item.id
            current = there.get(key)
            if create and current is not None:
                raise ItemExistsError(*key)
            self._check_match(current, item.id, if_match)
            outcome: Outcome = "created" if current is None else "updated"
            if current is not None and current.sha256 == item.sha256:
                is_same = current.etag == item.etag and _assets(tx, current.vid) == list(item.assets)
                steps.append(_Step(item, current, current.vid, "unchanged" if is_same else "updated", is_new=False))
            elif (earlier := superseded.get((*key, item.sha256))) is not None:
                steps.append(_Step(item, current, earlier, outcome, is_new=False))
            else:
                steps.append(_Step(item, current, next_vid, outcome, is_new=True))
                next_vid += 1
        return steps

    def _write(self, tx: Connection, steps: Sequence[_Step], now: int) -> None:
        changed = [step for step in steps if step.outcome != "unchanged"]
        new = [step for step in changed if step.is_new]
        old = [step for step in changed if not step.is_new]
        tx.executemany("delete from item where vid = ?", [(step.current.vid,) for step in changed if step.current is not None])
        tx.executemany(
            "update item_version set superseded_at = ? where vid = ?",
            [(now, step.current.vid) for step in changed if step.current is not None and step.current.vid != step.vid],
        )
        tx.executemany(_INSERT_VERSION, [_version_row(step, now) for step in new])
        tx.executemany(
            "update item_version set superseded_at = null, etag = ?, body = ? where vid = ?",
            [(step.item.etag, step.item.body, step.vid) for step in old],
        )
        tx.executemany("delete from item_asset where vid = ?", [(step.vid,) for step in old])
        tx.executemany(_INSERT_ITEM, [_item_row(step) for step in changed])
        tx.executemany(
            "insert into item_asset values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(step.vid, *asset) for step in changed for asset in step.item.assets],
        )

    @staticmethod
    def _count(tx: Connection, steps: Sequence[_Step]) -> None:
        added, removed = [], []
        for step in steps:
            place = Place.of(step.item.collection, step.item.times, step.item.footprint)
            if step.current is None:
                added.append(place)
            elif step.current.place != place:
                added.append(place)
                removed.append(step.current.place)
        statistics.apply(tx, added, removed)

    def _announce(self, tx: Connection, steps: Sequence[_Step], *, in_bulk: bool) -> None:
        changed = [step for step in steps if step.outcome != "unchanged"]
        if not in_bulk:
            self._events.append(tx, [_event(step) for step in changed])
            return
        events: list[NewEvent | EventRange] = []
        for (is_new, type_, collection), group in groupby(changed, lambda step: (step.is_new, _type(step), step.item.collection)):
            run = list(group)
            if is_new:  # the versions of a run were numbered one after the other
                source = range_source(_operation(run[0]))
                domain = f"collection:{collection}"
                events.append(EventRange(type=type_, domain=domain, source=source, first=run[0].vid, count=len(run)))
            else:
                events += (_event(step) for step in run)
        self._events.append(tx, events)


def require_collection(tx: Connection, collection: str) -> None:
    """Check that a collection is there.

    Raises
    ------
    CollectionNotFoundError
    """
    if tx.execute("select 1 from collection where id = ? and document is not null", (collection,)).fetchone() is None:
        raise CollectionNotFoundError(collection)


def remove_rows(tx: Connection, items: Sequence[tuple[int, str, str]], now: int) -> None:
    """Take items (vid, collection, id) out of sight; their versions and tombstones stay."""
    tx.executemany("delete from item where vid = ?", [(vid,) for vid, _, _ in items])
    tx.executemany("update item_version set superseded_at = ? where vid = ?", [(now, vid) for vid, _, _ in items])
    tx.executemany(
        "insert or replace into item_tombstone values (?, ?, ?, ?)",
        [(collection, item, vid, now) for vid, collection, item in items],
    )


def _distinct_runs(items: Sequence[PreparedItem]) -> list[list[PreparedItem]]:
    """Cut *items* where one comes a second time, so that each run has every item once."""
    runs: list[list[PreparedItem]] = []
    seen: set[tuple[str, str]] = set()
    for item in items:
        key = item.collection, item.id
        if not runs or key in seen:
            runs.append([])
            seen.clear()
        seen.add(key)
        runs[-1].append(item)
    return runs


def _event(step: _Step) -> NewEvent:
    return item_event(_operation(step), step.item.collection, step.item.id, step.item.bbox, step.item.times)


def _operation(step: _Step) -> Operation:
    return "create" if step.outcome == "created" else "update"


def _type(step: _Step) -> str:
    return EVENT_TYPE + _operation(step)


def _assets(tx: Connection, vid: int) -> list[tuple[object, ...]]:
    return tx.execute(
        "select key, kind, sha256, size_bytes, path, media_type, filename, modified_ns from item_asset where vid = ?"
        " order by key",
        (vid,),
    ).fetchall()


def _version_row(step: _Step, now: int) -> tuple[object, ...]:
    item = step.item
    return step.vid, item.collection, item.id, item.sha256, item.times.starts, now, item.etag, item.body, item.original


def _item_row(step: _Step) -> tuple[object, ...]:
    item = step.item
    footprint, times = item.footprint, item.times
    return (
        *(step.vid, item.collection, item.id, times.at, times.starts, times.ends),
        *(footprint.box or (None, None, None, None)),
        *(footprint.shape, footprint.cell, footprint.grid),
        *(*item.promoted, item.properties, footprint.wkb),
    )
