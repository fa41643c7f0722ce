"""JSON files of any size in bounded memory: the members of an object, the elements of an array.

Only brackets, strings and commas are looked at here; each element is parsed by orjson when it is whole.
"""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson

from twinlake.holdings.readers.errors import TooLargeToReadError, UnreadableFileError
from twinlake.holdings.readers.limits import MAX_DOCUMENT_BYTES, MAX_JSON_DEPTH

_CHUNK = 1 << 18
_OUTSIDE = re.compile(rb'["{}\[\]]')
_SOLID = re.compile(rb"[^ \t\r\n]")
_STRING_END = re.compile(rb'["\\]')
_SCALAR_END = re.compile(rb"[,}\]\s]")
_REMEDY = "Check the file with a JSON validator and send it again."


def parse(text: bytes) -> Any:
    """Parse one JSON text.

    Raises
    ------
    UnreadableFileError
        It is no JSON, or it nests deeper than `MAX_JSON_DEPTH`.
    """
    if _depth(text) > MAX_JSON_DEPTH:
        raise _too_deep()
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise UnreadableFileError(f"The file is not valid JSON: {error}.", _REMEDY) from None


def _depth(text: bytes) -> int:
    """Return how deep *text* nests at most; brackets inside strings count, so this may be too high only for odd texts."""
    return max(_bare_depth(text), 0) if text.count(b"{") + text.count(b"[") > MAX_JSON_DEPTH else 0


def _bare_depth(text: bytes) -> int:
    deepest = depth = position = 0
    while match := _OUTSIDE.search(text, position):
        position = match.end()
        match match.group():
            case b'"':
                position = _skip_string(text, position)
            case b"{" | b"[":
                depth += 1
                deepest = max(deepest, depth)
            case _:
                depth -= 1
    return deepest


def _skip_string(text: bytes, position: int) -> int:
    while match := _STRING_END.search(text, position):
        if match.group() == b'"':
            return match.end()
        position = match.end() + 1
    return len(text)


def _too_deep() -> UnreadableFileError:
    return TooLargeToReadError(f"The JSON nests deeper than {MAX_JSON_DEPTH} levels.", "Flatten the document and send it again.")


class JsonStream:
    """Walks over the JSON text of *file*, which must be open in binary mode."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._buffer = b""
        self._position = 0
        if self._peek(3) == b"\xef\xbb\xbf":
            self._position += 3

    def members(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield each member of the top-level object: its name and its JSON text.

        A member that is an array is yielded with None instead of its text: call `elements` at once to walk over it;
        if that is not done the array is skipped.
        """
        self._expect(b"{")
        if self._next() == b"}":
            return
        while True:
            name = parse(self._value())
            if not isinstance(name, str):
                raise UnreadableFileError("A JSON object has a member name that is no text.", _REMEDY)
            self._expect(b":")
            if self._next() == b"[":
                before = self._offset()
                yield name, None
                if self._offset() == before:
                    for _ in self.elements():
                        pass
            else:
                yield name, self._value()
            if self._separator(b"}"):
                return

    def elements(self) -> Iterator[bytes]:
        """Yield the JSON text of each element of the array that comes next."""
        self._expect(b"[")
        if self._next() == b"]":
            self._expect(b"]")
            return
        while True:
            yield self._value()
            if self._separator(b"]"):
                return

    def _offset(self) -> int:
        return self._file.tell() - len(self._buffer) + self._position

    def _peek(self, count: int) -> bytes:
        while len(self._buffer) - self._position < count and self._fill():
            pass
        return self._buffer[self._position : self._position + count]

    def _fill(self) -> bool:
        chunk = self._file.read(_CHUNK)
        self._buffer = self._buffer[self._position :] + chunk
        self._position = 0
        if len(self._buffer) > MAX_DOCUMENT_BYTES + _CHUNK:
            raise TooLargeToReadError(
                f"One element of the JSON has more than {MAX_DOCUMENT_BYTES // 2**20} MiB.",
                "Split it, or write the data as GeoParquet.",
            )
        return bool(chunk)

    def _next(self) -> bytes:
        """Skip white space and return the next byte without taking it."""
        while True:
            if found := _SOLID.search(self._buffer, self._position):
                self._position = found.start()
                return found.group()
            self._position = len(self._buffer)
            if not self._fill():
                raise UnreadableFileError("The JSON ends too early.", "The file was cut off: send it again whole.")

    def _expect(self, byte: bytes) -> None:
        found = self._next()
        if found != byte:
            raise UnreadableFileError(f"The file is not valid JSON: {byte.decode()!r} is missing.", _REMEDY)
        self._position += 1

    def _separator(self, closing: bytes) -> bool:
        """Take a comma, or the closing bracket; tell whether it was the bracket."""
        found = self._next()
        if found not in {b",", closing}:
            raise UnreadableFileError(f"The file is not valid JSON: {closing.decode()!r} is missing.", _REMEDY)
        self._position += 1
        return found == closing

    def _value(self) -> bytes:
        """Take the next value and return its text."""
        first = self._next()
        if first in {b"{", b"["}:
            return self._bracketed()
        if first == b'"':
            return self._take(self._string_end(1))
        return self._take(self._scalar_end())

    def _take(self, length: int) -> bytes:
        text = self._buffer[self._position : self._position + length]
        self._position += length
        return text

    def _find(self, pattern: re.Pattern[bytes], start: int) -> re.Match[bytes] | None:
        """Search from *start* (relative to the position), reading on until it is found or the file ends."""
        while True:
            found = pattern.search(self._buffer, self._position + start)
            if found:
                return found
            start = len(self._buffer) - self._position
            if not self._fill():
                return None

    def _string_end(self, start: int) -> int:
        while found := self._find(_STRING_END, start):
            start = found.end() - self._position
            if found.group() == b'"':
                return start
            start += 1
        raise UnreadableFileError("The JSON ends inside a text.", "The file was cut off: send it again whole.")

    def _scalar_end(self) -> int:
        found = self._find(_SCALAR_END, 0)
        return (found.start() if found else len(self._buffer)) - self._position

    def _bracketed(self) -> bytes:
        depth = at = 0
        while found := self._find(_OUTSIDE, at):
            at = found.end() - self._position
            match found.group():
                case b'"':
                    at = self._string_end(at)
                case b"{" | b"[":
                    depth += 1
                    if depth > MAX_JSON_DEPTH:
                        raise _too_deep()
                case _:
                    depth -= 1
                    if depth == 0:
                        return self._take(at)
        raise UnreadableFileError("The JSON ends inside a bracket.", "The file was cut off: send it again whole.")
