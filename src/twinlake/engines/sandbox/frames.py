"""Frames between a process that runs somebody's code and the one that asks it: a document, and arrays as bare bytes.

A frame is four bytes of length (big-endian), a head of so many bytes (msgpack) and the bytes of its arrays. Nothing in it can
stand for code (no pickle), and both sides bound what they take.
"""

import math
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

_LENGTH_BYTES = 4
_HEAD_BYTES = 16 << 20
_MOST_DIMENSIONS = 32
_TYPES = frozenset({"|b1", "|i1", "|u1", *(f"<{kind}{size}" for kind in "iu" for size in (2, 4, 8)), "<f2", "<f4", "<f8"})

Kind = Literal["ask", "answer", "fail", "say"]


class FrameError(Exception):
    """What came is no frame, or too large."""


class GoneError(FrameError):
    """The other side has gone."""


class _Array(msgspec.Struct, array_like=True, frozen=True):
    dtype: str
    shape: tuple[int, ...]

    @property
    def size_bytes(self) -> int:
        return np.dtype(self.dtype).itemsize * math.prod(self.shape)


class _Head(msgspec.Struct, array_like=True, frozen=True):
    kind: Kind
    number: int
    document: Any
    arrays: tuple[_Array, ...]


class Frame(msgspec.Struct, frozen=True):
    """What one side says."""

    kind: Kind
    number: int
    """Of the question that it is, or belongs to."""
    document: Any
    """Plain data, as JSON has it."""
    arrays: tuple[NDArray[Any], ...] = ()
    """Numbers or truths; they may be written to."""


class Channel:
    """One side of a socket; any thread may send.

    Parameters
    ----------
    most_bytes
        Largest sum of arrays that is taken.
    """

    def __init__(self, connection: socket.socket, *, most_bytes: int) -> None:
        self._connection = connection
        self._most_bytes = most_bytes
        self._sending = threading.RLock()

    def close(self) -> None:
        """Close the socket."""
        self._connection.close()

    def send(
        self, kind: Kind, document: Any, arrays: Sequence[NDArray[Any]] = (), *, number: int, until: float | None = None
    ) -> None:
        """Send a frame; by *until*, of the monotonic clock, if it is given.

        Raises
        ------
        FrameError
            The other side has gone, or an array is of another type than numbers and truths.
        TimeoutError
            The other side did not take it in time.
        """
        kept = [np.ascontiguousarray(each, dtype=each.dtype.newbyteorder("<")).reshape(each.shape) for each in arrays]
        described = tuple(_Array(each.dtype.str, each.shape) for each in kept)
        if wrong := [each.dtype for each in described if each.dtype not in _TYPES]:
            raise FrameError(f"Arrays are of numbers or truths, not {wrong[0]}.")
        head = msgspec.msgpack.encode(_Head(kind, number, document, described))
        if len(head) > _HEAD_BYTES:
            raise FrameError(f"What stands beside the arrays takes {len(head)} bytes, and may take {_HEAD_BYTES}.")
        with self._sending:
            try:
                self._limit(until)
                self._connection.sendall(len(head).to_bytes(_LENGTH_BYTES, "big") + head)
                for each in kept:
                    self._limit(until)
                    self._connection.sendall(each.reshape(-1).view(np.uint8).data)
            except TimeoutError:
                raise
            except OSError as error:
                raise GoneError from error

    def receive(self, *, until: float | None = None) -> Frame:
        """Return the next frame; by *until*, of the monotonic clock, if it is given.

        Raises
        ------
        FrameError
        TimeoutError
            It did not come in time.
        """
        length = int.from_bytes(self._read(_LENGTH_BYTES, until), "big")
        if length > _HEAD_BYTES:
            raise FrameError(f"A head of {length} bytes is announced, and {_HEAD_BYTES} are allowed.")
        try:
            head = msgspec.msgpack.decode(self._read(length, until), type=_Head)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise FrameError("What came is no frame.") from error
        for each in head.arrays:
            if each.dtype not in _TYPES or len(each.shape) > _MOST_DIMENSIONS or any(size < 0 for size in each.shape):
                raise FrameError("What came is no array of numbers or truths.")
        if (total := sum(each.size_bytes for each in head.arrays)) > self._most_bytes:
            raise FrameError(f"Arrays of {total} bytes are announced, and {self._most_bytes} are allowed.")
        arrays = tuple(
            np.frombuffer(self._read(each.size_bytes, until), dtype=each.dtype).reshape(each.shape) for each in head.arrays
        )
        return Frame(head.kind, head.number, head.document, arrays)

    def _read(self, count: int, until: float | None) -> bytearray:
        read, place = bytearray(count), 0
        view = memoryview(read)
        while place < count:
            self._limit(until)
            try:
                taken = self._connection.recv_into(view[place:])
            except TimeoutError:
                raise
            except OSError as error:
                raise GoneError from error
            if not taken:
                raise GoneError
            place += taken
        return read

    def _limit(self, until: float | None) -> None:
        if until is None:
            self._connection.settimeout(None)
        elif (left := until - time.monotonic()) > 0:
            self._connection.settimeout(left)
        else:
            raise TimeoutError
