"""Memory that is used again: taking fresh pages from the system costs as much as unpacking into them."""

import sys
from collections.abc import Callable, Hashable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Memory:
    """Holds one block of each kind, as large as the largest that was asked for; not for several threads."""

    def __init__(self) -> None:
        self._values = np.empty(0, np.uint8)
        self._own_references = self._count_references()
        self._unpacked = np.empty(0, np.uint8)
        self._unpacked_of: Hashable = None

    def array(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return an array with any values, which is its holder's own as long as that or a view of it is held."""
        size = prod(shape) * dtype.itemsize
        if self._values.size < size or self._count_references() > self._own_references:
            self._values = np.empty(size, np.uint8)
        return self._values[:size].view(dtype).reshape(shape)

    def unpacked(self, key: Hashable, size: int, unpack: Callable[[NDArray[np.uint8]], None]) -> NDArray[np.uint8]:
        """Return the *size* bytes that *unpack* writes into what it is given; not called twice in a row for the same *key*."""
        if self._unpacked_of != key:
            self._unpacked_of = None
            if self._unpacked.size < size:
                self._unpacked = np.empty(size, np.uint8)
            unpack(self._unpacked[:size])
            self._unpacked_of = key
        return self._unpacked[:size]

    def _count_references(self) -> int:
        """Return how often the block of values is held: every view of an array holds the array that owns the memory."""
        return sys.getrefcount(self._values)
