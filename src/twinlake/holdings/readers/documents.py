"""STAC documents in files: one item or collection, many in a FeatureCollection, by line, or in a stac-geoparquet table."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers.errors import TooLargeToReadError, UnreadableFileError
from twinlake.holdings.readers.formats import Format, detect, open_regular
from twinlake.holdings.readers.json_stream import JsonStream, parse
from twinlake.holdings.readers.limits import MAX_DOCUMENT_BYTES

_TABLE_BATCH = 1_000
_REMEDY = "Check it with a STAC validator and send it again."


@dataclass(frozen=True, slots=True)
class StacDocument:
    """One document as its file has it; not yet checked against STAC, nor migrated."""

    document: JsonObject
    original: bytes
    """The bytes in the file; of a table, the row as JSON."""
    position: int
    """Counts from 1 in files of many."""

    @property
    def is_collection(self) -> bool:
        """Whether it describes a collection; otherwise it is an item."""
        return self.document.get("type") != "Feature"


def read_documents(path: Path) -> Iterator[StacDocument]:
    """Yield the STAC documents of the file at *path*, one after the other, in bounded memory.

    Raises
    ------
    UnreadableFileError
        It holds no STAC documents, or a part of it is broken; what was yielded before stands.
    """
    found = detect(path)
    if found.name == "stac-geoparquet":
        yield from _read_table(path)
        return
    for position, text in enumerate(_read_texts(path, found), start=1):
        document = parse(text)
        if not isinstance(document, dict):
            raise UnreadableFileError(f"Document {position} is no JSON object.", _REMEDY)
        yield StacDocument(document, text, position)


def _read_texts(path: Path, found: Format) -> Iterator[bytes]:
    with open_regular(path) as file:
        match found.name:
            case "stac-item" | "stac-collection":
                yield _bounded(file.read(MAX_DOCUMENT_BYTES + 1))
            case "stac-lines":
                while line := file.readline(MAX_DOCUMENT_BYTES + 1):
                    if text := _bounded(line).strip():
                        yield text
            case "stac-items":
                stream = JsonStream(file)
                for name, _ in stream.members():
                    if name == "features":
                        yield from stream.elements()
            case _:
                raise UnreadableFileError("The file holds no STAC documents.", _REMEDY)


def _bounded(text: bytes) -> bytes:
    if len(text) > MAX_DOCUMENT_BYTES:
        raise TooLargeToReadError(f"A document has more than {MAX_DOCUMENT_BYTES // 2**20} MiB.", "Make it smaller.")
    return text


def _read_table(path: Path) -> Iterator[StacDocument]:
    import pyarrow as pa
    from stac_geoparquet.arrow import stac_table_to_items

    from twinlake.holdings.readers.parquet import open_parquet

    position = 0
    with open_parquet(path) as file:
        for batch in file.iter_batches(_TABLE_BATCH):
            for item in _items(stac_table_to_items, pa.Table.from_batches([batch])):
                position += 1
                document = _without_nulls(item)
                yield StacDocument(document, orjson.dumps(document), position)


def _items(convert: Any, table: Any) -> Iterator[JsonObject]:
    try:
        yield from convert(table)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableFileError(f"The table is no stac-geoparquet: {str(error)[:100]}.", _REMEDY) from error


def _without_nulls(item: JsonObject) -> JsonObject:
    """Drop what a table has to fill in because other rows have it: assets, links' members and properties that are null."""
    kept = {name: value for name, value in item.items() if value is not None or name in {"geometry", "collection"}}
    kept["properties"] = {
        name: _dropped(value) for name, value in item.get("properties", {}).items() if value is not None or name == "datetime"
    }
    kept["assets"] = {key: _dropped(asset) for key, asset in (item.get("assets") or {}).items() if asset is not None}
    kept["links"] = [_dropped(link) for link in item.get("links") or []]
    return kept


def _dropped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _dropped(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_dropped(member) for member in value]
    return value
