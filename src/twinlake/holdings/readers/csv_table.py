"""CSV, plain or gzipped, read in batches; nothing is guessed from the first rows that later rows could break."""

import csv
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pa_csv

from twinlake.core.documents import JsonObject
from twinlake.holdings.readers.attributes import clean_text
from twinlake.holdings.readers.description import TABLE, Description
from twinlake.holdings.readers.errors import TooLargeToReadError, UnreadableFileError
from twinlake.holdings.readers.formats import Format, open_text
from twinlake.holdings.readers.hints import Hints
from twinlake.holdings.readers.limits import MAX_UNPACKED_BYTES
from twinlake.holdings.readers.tables import Extents, check_columns

_BLOCK_BYTES = 4 * 2**20
"""Read at a time; no row is longer."""
_SAMPLE_BYTES = 1 << 16
_MAX_PREAMBLE_LINES = 200
_MAX_HEADER_BYTES = 1 << 20
_LINE_END = re.compile(rb"\r\n|\n|\r")
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
    with open_csv(path) as (names, batches):
        extents = Extents.of(names, hints)
        types = _Types(names)
        rows = 0
        for batch in batches:
            rows += batch.num_rows
            extents.add(batch)
            types.add(batch)
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


@contextmanager
def open_csv(path: Path) -> Iterator[tuple[list[str], Iterator[pa.RecordBatch]]]:
    """Open the CSV at *path* and yield the names of its columns, and its rows as batches of texts.

    Raises
    ------
    UnreadableFileError
        It has no header, rows of another length than its header, or it is damaged; also while the batches are read.
    """
    with open_text(path) as file:
        try:
            yield _open(io.BufferedReader(_BoundedReader(file), 1 << 20))
        except (EOFError, OSError, zlib.error, csv.Error, pa.ArrowException) as error:
            raise UnreadableFileError(f"The CSV cannot be read: {clean_text(str(error))[:200]}.", _REMEDY) from None


def _open(raw: io.BufferedReader) -> tuple[list[str], Iterator[pa.RecordBatch]]:
    """Return the column names, and the rows as batches of strings; any of the three line ends is one."""
    encoding = "utf-8" if _is_utf8(raw.peek(_SAMPLE_BYTES)[:_SAMPLE_BYTES]) else "latin-1"
    header = _read_header(raw).decode(encoding, "replace")
    delimiter = _delimiter(header)
    names = _unique(next(csv.reader(io.StringIO(header, newline=""), delimiter=delimiter), []))
    check_columns(len(names))
    reader = pa_csv.open_csv(
        raw,
        pa_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, column_names=names, encoding=encoding),
        pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), null_values=[], check_utf8=True),
    )
    return names, iter(reader)


def _read_header(raw: io.BufferedReader) -> bytes:
    """Read up to the header: lines that are empty or begin with ``#`` come before it; a quoted name may hold line breaks."""
    for _ in range(_MAX_PREAMBLE_LINES):
        header = _read_line(raw).removeprefix(b"\xef\xbb\xbf")
        while header.count(b'"') % 2 and (more := _read_line(raw)):
            header += more
            _check_header(header)
        if header.strip() and not header.startswith(b"#"):
            return header
        if not header:
            break
    raise UnreadableFileError("The CSV has no header line.", _REMEDY)


def _read_line(raw: io.BufferedReader) -> bytes:
    """Read up to and with the next line end: a line feed, a carriage return, or both."""
    line = b""
    while chunk := raw.peek(_SAMPLE_BYTES):
        found = _LINE_END.search(chunk)
        line += raw.read(found.end() if found else len(chunk))
        _check_header(line)
        if found:
            if line.endswith(b"\r") and raw.peek(1)[:1] == b"\n":
                line += raw.read(1)
            break
    return line


def _check_header(header: bytes) -> None:
    if len(header) > _MAX_HEADER_BYTES:
        raise TooLargeToReadError("The first line of the CSV is too long.", _REMEDY)


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
