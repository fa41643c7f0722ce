"""User-defined processes: graphs with parameters that somebody keeps under a name, for themselves."""

import re
from collections.abc import Sequence

import orjson

from twinlake.core.documents import JsonObject
from twinlake.engines.database import Connection, Database
from twinlake.identity.principals import Principal
from twinlake.processing.openeo.registry import list_ids
from twinlake.standards.openeo.errors import (
    PredefinedProcessExistsError,
    ProcessGraphNotFoundError,
    ProcessInvalidError,
    StorageQuotaExceededError,
)

MOST = 200
"""Processes of one person."""
_MOST_BYTES = 256 << 10
_ID = re.compile(r"\w{1,100}", re.ASCII)
_CALLED = re.compile(rb'"process_id":"(\w{1,100})"')
_KEPT = ("summary", "description", "categories", "parameters", "returns", "exceptions", "examples", "links", "process_graph")
"""Members that are kept; `deprecated` and `experimental` beside them."""
_FLAGS = ("deprecated", "experimental")


class DefinitionStore:
    """Keeps them; each belongs to whom it was made by and is seen by nobody else."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, owner: Principal, process_id: str, document: JsonObject) -> None:
        """Keep *document*, whose graph was found without faults, in place of what was there.

        Raises
        ------
        PredefinedProcessExistsError
            The site has a process of this id.
        ProcessInvalidError
            It is too large, or the id is none.
        StorageQuotaExceededError
            There are `MOST` already.
        """
        check_id(process_id)
        kept = {name: document[name] for name in (*_KEPT, *_FLAGS) if name in document}
        text = orjson.dumps(kept)
        if len(text) > _MOST_BYTES:
            raise ProcessInvalidError(f"The process is larger than {_MOST_BYTES >> 10} KiB.")

        def work(tx: Connection) -> None:
            query = "select count(*) from openeo_process where owner_issuer = ? and owner_subject = ? and id <> ?"
            [(others,)] = tx.execute(query, (*_key(owner), process_id)).fetchall()
            if others >= MOST:
                raise StorageQuotaExceededError(f"You keep {MOST} processes already.", remedy="Delete one that is not needed.")
            tx.execute("insert or replace into openeo_process values (?, ?, ?, ?)", (*_key(owner), process_id, text))

        await self._database.write(work)

    async def get(self, owner: Principal, process_id: str) -> JsonObject:
        """Return a process with its id.

        Raises
        ------
        ProcessGraphNotFoundError
            *owner* has none of this id.
        """
        found = await self._find(owner, [process_id])
        if not found:
            raise ProcessGraphNotFoundError(f"You have no process {process_id[:80]!r}.")
        return {"id": process_id, **orjson.loads(found[process_id])}

    async def list_page(self, owner: Principal, *, limit: int, after: str) -> list[JsonObject]:
        """Return up to *limit* of *owner*, by id, those behind *after*, without their graphs."""
        query = (
            "select id, document from openeo_process where owner_issuer = ? and owner_subject = ? and id > ? order by id limit ?"
        )
        rows = await self._database.read(lambda tx: tx.execute(query, (*_key(owner), after, limit)).fetchall())
        documents = [{"id": process_id, **orjson.loads(text)} for process_id, text in rows]
        return [{name: value for name, value in each.items() if name != "process_graph"} for each in documents]

    async def delete(self, owner: Principal, process_id: str) -> None:
        """Delete one; raises as `get` does."""
        query = "delete from openeo_process where owner_issuer = ? and owner_subject = ? and id = ? returning 1"
        if not await self._database.write(lambda tx: tx.execute(query, (*_key(owner), process_id)).fetchall()):
            raise ProcessGraphNotFoundError(f"You have no process {process_id[:80]!r}.")

    async def list_called(self, owner: Principal, graph: bytes) -> dict[str, bytes]:
        """Return the documents of the processes that *graph*, compact JSON, may call, and of those that these call.

        Nothing is parsed: more may be found than is called, but never less.
        """
        found: dict[str, bytes] = {}
        names = _names_in(graph)
        while names:
            more = await self._find(owner, sorted(names))
            found |= more
            names = set[str]().union(*map(_names_in, more.values())) - found.keys()
        return found

    async def _find(self, owner: Principal, names: Sequence[str]) -> dict[str, bytes]:
        query = (
            "select id, document from openeo_process where owner_issuer = ? and owner_subject = ?"
            " and id in (select value from json_each(?))"
        )
        asked = (*_key(owner), orjson.dumps(list(names)).decode())
        return {row[0]: bytes(row[1]) for row in await self._database.read(lambda tx: tx.execute(query, asked).fetchall())}


def check_id(process_id: str) -> None:
    """Refuse an id that is none, or that a process of the site has.

    Raises
    ------
    ProcessInvalidError, PredefinedProcessExistsError
        It is so.
    """
    if _ID.fullmatch(process_id) is None:
        raise ProcessInvalidError("An id has 1 to 100 letters, digits and underscores.")
    if process_id in list_ids():
        raise PredefinedProcessExistsError(f"This site has a process {process_id!r} already.", remedy="Choose another id.")


def _names_in(graph: bytes) -> set[str]:
    return {name.decode() for name in _CALLED.findall(graph)}.difference(list_ids())


def _key(owner: Principal) -> tuple[str, str]:
    return owner.issuer, owner.subject
