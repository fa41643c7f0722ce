"""Bodies compiled anew where they were written by a compiler that knew less than today's.

A step of the schema that comes with a new compiler notes in ``body_rebuild`` up to which version bodies are older than it.
A serving site works down from there, the newest first. Versions and their hashes stay what they are; only ETags change.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from twinlake.engines.database import Connection
from twinlake.holdings.catalogue.bodies import Publisher, body_packer
from twinlake.holdings.catalogue.documents import digest
from twinlake.holdings.catalogue.interfaces import Holding
from twinlake.holdings.catalogue.preparing import Preparer
from twinlake.holdings.catalogue.reading import read_holdings

_AT_ONCE = 500
_STALE = """
select v.vid, v.sha256, v.body from item_version v join body_rebuild r on v.vid <= r.upto order by v.vid desc limit ?
"""


class StaleBody(NamedTuple):
    """The body of a version, packed, and what is held of its assets."""

    vid: int
    sha256: bytes
    body: bytes
    holdings: Mapping[str, Holding]


class RebuiltBody(NamedTuple):
    """A new body of a version, packed."""

    body: bytes
    etag: bytes
    vid: int


def read_stale(tx: Connection) -> list[StaleBody]:
    """Return some of the bodies that are to be compiled anew; none where all are done."""
    rows = tx.execute(_STALE, (_AT_ONCE,)).fetchall()
    return [StaleBody(vid, sha256, body, read_holdings(tx, vid)) for vid, sha256, body in rows]


def rebuild(stale: Sequence[StaleBody], *, preparer: Preparer, publisher: Publisher) -> list[RebuiltBody]:
    """Compile bodies anew; one that would be another version is left out, so that it stays as it is."""
    pack, rebuilt = body_packer(), []
    for old in stale:
        new = preparer.compile(orjson.loads(publisher.publish(old.body)), old.holdings)
        if new.sha256 == old.sha256:
            rebuilt.append(RebuiltBody(pack(new.body), digest(new.body), old.vid))
    return rebuilt


def write_rebuilt(tx: Connection, stale: Sequence[StaleBody], rebuilt: Sequence[RebuiltBody]) -> None:
    """Write what `rebuild` made of *stale*, which then are done."""
    tx.executemany("update item_version set body = ?, etag = ? where vid = ?", rebuilt)
    tx.execute("update body_rebuild set upto = ?", (stale[-1].vid - 1,))
