"""Which collections a query may look at: what is here, what the caller may discover, what was asked for."""

from collections.abc import Iterable
from dataclasses import dataclass

from twinlake.engines.database import Connection
from twinlake.holdings.catalogue.interfaces import Visibility
from twinlake.holdings.catalogue.sql import Clause


@dataclass(frozen=True, slots=True)
class Scope:
    """Collections to look at, with the embargoes that hold there."""

    collections: frozenset[str]
    is_everything: bool
    """Whether no row of the table of items belongs to another collection."""
    horizons: dict[str, int]
    """Latest start that may be seen, by collection."""

    def narrowed(self, collections: Iterable[str]) -> "Scope":
        """Return this scope without what is not among *collections*."""
        kept = self.collections & frozenset(collections)
        if len(kept) == len(self.collections):
            return self
        horizons = {collection: horizon for collection, horizon in self.horizons.items() if collection in kept}
        return Scope(kept, is_everything=False, horizons=horizons)

    def embargo(self, alias: str = "i") -> Clause | None:
        """Return the condition that hides what is under embargo, or None where nothing is."""
        if not self.horizons:
            return None
        cases = " ".join("when ? then ?" for _ in self.horizons)
        values = tuple(value for pair in sorted(self.horizons.items()) for value in pair)
        return Clause(f"{alias}.starts <= case {alias}.collection {cases} else 9223372036854775807 end", values)


class CollectionSet:
    """Remembers which collections there are, checked against the snapshot on every use."""

    def __init__(self) -> None:
        self._remembered: tuple[int, frozenset[str], bool] = (-1, frozenset(), False)

    def here(self, tx: Connection) -> tuple[frozenset[str], bool]:
        """Return the ids of all collections, and whether items of deleted ones are still being cleared away."""
        [(generation,)] = tx.execute("select generation from collection_set").fetchall()
        if generation != self._remembered[0]:
            rows = tx.execute("select id, document is not null from collection").fetchall()
            live = frozenset(name for name, is_live in rows if is_live)
            dead = [name for name, is_live in rows if not is_live]
            is_clearing = any(has_items(tx, name) for name in dead)
            self._remembered = generation, live, is_clearing
        return self._remembered[1:]

    def scope(self, tx: Connection, visibility: Visibility, wanted: Iterable[str] | None) -> Scope:
        """Return what of *wanted* (None: all) the caller may look at."""
        live, is_clearing = self.here(tx)
        seen = live if visibility.everything else live & visibility.collections
        if wanted is not None:
            seen &= frozenset(wanted)
        horizons = {} if visibility.everything else {name: at for name, at in visibility.horizons.items() if name in seen}
        return Scope(seen, is_everything=len(seen) == len(live) and not is_clearing, horizons=horizons)


def change_set(tx: Connection) -> None:
    """Tell every `CollectionSet` that a collection came or went."""
    tx.execute("update collection_set set generation = generation + 1")


def has_items(tx: Connection, collection: str) -> bool:
    """Tell whether any current item belongs to *collection*."""
    return tx.execute("select 1 from item where collection = ? limit 1", (collection,)).fetchone() is not None
