"""CSV, plain or gzipped, read in batches; nothing is guessed from the first rows that later rows could break."""

import csv
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers.attributes import clean_text
from twinlake.holdings.readers.description import TABLE, Description
from twinlake.holdings.readers.errors import TooLargeToReadError, UnreadableFileError
from twinlake.holdings.readers.formats import Format, open_text
from twinlake.holdings.readers.hints import Hints
from twinlake.holdings.readers.limits import MAX_DOCUMENT_BYTES, MAX_UNPACKED_BYTES
from twinlake.holdings.readers.tables import Extents, check_columns

_BATCH_ROWS = 20_000
_MAX_PREAMBLE_LINES = 200
_MAX_CELL = 1 << 20
_REMEDY = "Check it with a spreadsheet, write it again as UTF-8 with one header line, and send it whole."
_LADDER: tuple[pa.DataType, ...] = (pa.int64(), pa.float64())


class _BoundedReader(io.RawIOBase):
    """Hands on the bytes of *file* up to a limit: a small compressed file may unfold to anything."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = MAX_UNPACKED_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._file.read(len(buffer))
        self._left -= len(chunk)
        if self._left < 0:
            raise TooLargeToReadError(f"The CSV has more than {MAX_UNPACKED_BYTES // 2**30} GiB.", "Write it as Parquet.")
        buffer[: len(chunk)] = chunk
        return len(chunk)


def describe(path: Path, found: Format, hints: Hints) -> Description:
    """Describe the CSV at *path*.

    Raises
    ------
    UnreadableFileError
        It has no header, rows of another length than its header, or it is damaged.
    """
    with open_text(path) as file:
        try:
            names, batches = _open(io.BufferedReader(_BoundedReader(file), 1 << 20))
            extents = Extents.of(names, hints)
            types = _Types(names)
            rows = 0
            for batch in batches:
                rows += batch.num_rows
                extents.add(batch)
                types.add(batch)
        except (EOFError, OSError, zlib.error, csv.Error) as error:
            raise UnreadableFileError(f"The CSV cannot be read: {error}.", _REMEDY) from None
    footprint = extents.footprint()
    asset: JsonObject = {"table:columns": types.columns(), "table:row_count": rows}
    return Description(
        format="csv",
        media_type=found.media_type,
        footprint=footprint,
        time=extents.time(),
        asset=asset,
        extensions=frozenset({TABLE}),
    )


def _open(raw: io.BufferedReader) -> tuple[list[str], Iterator[pa.RecordBatch]]:
    """Return the column names, and the rows as batches of strings; any of the three line ends is one."""
    encoding = "utf-8-sig" if _is_utf8(raw.peek(1 << 16)[: 1 << 16]) else "latin-1"
    text = io.TextIOWrapper(raw, encoding=encoding, errors="replace", newline=None)
    csv.field_size_limit(_MAX_CELL)
    header = _read_header(text)
    delimiter = _delimiter(header)
    names = _unique(next(csv.reader([header], delimiter=delimiter), []))
    check_columns(len(names))
    return names, _batches(csv.reader(text, delimiter=delimiter), names)


def _read_header(text: io.TextIOWrapper) -> str:
    """Read up to the header: lines that are empty or begin with ``#`` come before it; a quoted name may hold line breaks."""
    for _ in range(_MAX_PREAMBLE_LINES):
        header = text.readline(MAX_DOCUMENT_BYTES)
        while header.count('"') % 2 and len(header) < MAX_DOCUMENT_BYTES and (more := text.readline(MAX_DOCUMENT_BYTES)):
            header += more
        if len(header) >= MAX_DOCUMENT_BYTES:
            raise TooLargeToReadError("The first line of the CSV is too long.", _REMEDY)
        if header.strip() and not header.startswith("#"):
            return header
        if not header:
            break
    raise UnreadableFileError("The CSV has no header line.", _REMEDY)


def _is_utf8(sample: bytes) -> bool:
    try:
        sample[:-4].decode("utf-8") if len(sample) > 4 else sample.decode("utf-8")
    except UnicodeDecodeError as error:
        return len(sample) - error.start < 8
    return True


def _delimiter(line: str) -> str:
    return max((",", ";", "\t", "|"), key=line.count)


def _unique(names: list[str]) -> list[str]:
    """Name columns that have no name, and tell those of the same name apart."""
    seen: dict[str, int] = {}
    unique = []
    for position, name in enumerate(names):
        plain = clean_text(name) or f"column{position + 1}"
        seen[plain] = seen.get(plain, 0) + 1
        unique.append(plain if seen[plain] == 1 else f"{plain}_{seen[plain]}")
    return unique


def _batches(rows: Iterator[list[str]], names: list[str]) -> Iterator[pa.RecordBatch]:
    schema = pa.schema([(name, pa.string()) for name in names])
    kept: list[list[str]] = []
    limit = max(1, min(_BATCH_ROWS, 2_000_000 // len(names)))
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(row) != len(names):
            raise UnreadableFileError(f"Row {number} of the CSV has {len(row)} cells, its header {len(names)}.", _REMEDY)
        kept.append(row)
        if len(kept) >= limit:
            yield _batch(kept, schema)
            kept = []
    if kept:
        yield _batch(kept, schema)


def _batch(rows: list[list[str]], schema: pa.Schema) -> pa.RecordBatch:
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


class _Types:
    """Finds the narrowest type that all cells of each column fit."""

    def __init__(self, names: list[str]) -> None:
        self._steps = dict.fromkeys(names, 0)
        self._empty = dict.fromkeys(names, True)

    def add(self, batch: pa.RecordBatch) -> None:
        for name in batch.schema.names:
            if self._steps[name] < len(_LADDER):
                self._narrow(name, batch.column(name))

    def _narrow(self, name: str, column: pa.Array) -> None:
        cells = pc.utf8_trim_whitespace(column)
        cells = cells.filter(pc.invert(pc.is_in(cells, pa.array(["", "NA", "NaN", "nan", "null"]))))
        if not len(cells):
            return
        self._empty[name] = False
        while self._steps[name] < len(_LADDER):
            try:
                cells.cast(_LADDER[self._steps[name]])
            except pa.ArrowInvalid:
                self._steps[name] += 1
            else:
                return

    def columns(self) -> list[JsonObject]:
        """Return ``table:columns``."""
        return [{"name": name, "type": self._type(name)} for name in self._steps]

    def _type(self, name: str) -> str:
        step = self._steps[name]
        if self._empty[name]:
            return "null"
        return str(_LADDER[step]) if step < len(_LADDER) else "string"
