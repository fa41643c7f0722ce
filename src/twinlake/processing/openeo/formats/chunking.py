"""How cells are stored together, the same for every cube of a shape."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from twinlake.processing.openeo.shapes.dimensions import Dimension

_SIDE = 256
"""Pixels along each side of a chunk, as of a tile of a map."""
_CHUNK_CELLS = _SIDE * _SIDE
_SHARD_SIDES = 4
"""Chunks along each side of a shard."""
_SHARD_CELLS = (_SIDE * _SHARD_SIDES) ** 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunking:
    """Lengths along each dimension; no chunk is longer than its dimension, unless that has no labels."""

    chunk: tuple[int, ...]
    shard: tuple[int, ...]
    """Multiples of those of a chunk: what is one file."""


def choose_chunks(dimensions: Sequence[Dimension]) -> Chunking:
    """Return chunks of 256 x 256 pixels of one label of all other dimensions, and shards of 1024 x 1024.

    Where that many pixels are not there, there are more of the other labels in a chunk, the last dimension first.
    """
    lengths = [max(len(each.labels), 1) for each in dimensions]
    flat = [each.kind == "spatial" and each.axis in {"x", "y"} for each in dimensions]
    chunk = [min(length, _SIDE) if is_flat else 1 for length, is_flat in zip(lengths, flat, strict=True)]
    for number in reversed(range(len(chunk))):
        if not flat[number]:
            chunk[number] = max(1, min(lengths[number], _CHUNK_CELLS // prod(chunk)))
    counts = [
        min(-(-length // size), _SHARD_SIDES) if is_flat else 1
        for length, size, is_flat in zip(lengths, chunk, flat, strict=True)
    ]
    for number in reversed(range(len(chunk))):
        if not flat[number]:
            most = _SHARD_CELLS // (prod(chunk) * prod(counts))
            counts[number] = max(1, min(-(-lengths[number] // chunk[number]), most))
    return Chunking(chunk=tuple(chunk), shard=tuple(size * count for size, count in zip(chunk, counts, strict=True)))
