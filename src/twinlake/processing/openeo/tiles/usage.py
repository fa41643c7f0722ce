"""What tiles take, counted where they are made and kept with them: a run that is taken up again knows it of all."""

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:  # the gateway reads what was counted, and knows no cubes
    from twinlake.processing.openeo.cubes import Cube
    from twinlake.processing.openeo.loading.source import Window


class TileUsage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one tile took, or several together."""

    pixels: int = 0
    """Cells that processes made, of every cube on the way."""
    cpu_seconds: float = 0.0
    read_bytes: int = 0
    """Of what was loaded, or of earlier stages, as it lies in memory."""

    @classmethod
    def sum(cls, parts: Iterable["TileUsage"]) -> "TileUsage":
        """Return what all took together."""
        counted = [(each.pixels, each.cpu_seconds, each.read_bytes) for each in parts]
        pixels, cpu_seconds, read_bytes = (sum(each) for each in zip(*counted, strict=True)) if counted else (0, 0.0, 0)
        return cls(round(pixels), cpu_seconds, round(read_bytes))


NO_USAGE = TileUsage()


class ChainUsage(msgspec.Struct, frozen=True):
    """What a chain of processes took that is run tile by tile."""

    node: str
    """That it makes, of the graph as it is computed."""
    tiles: int
    usage: TileUsage


class RunUsage(msgspec.Struct, frozen=True):
    """What a run took."""

    chains: list[ChainUsage]
    raw_bytes: int
    """Of the cubes that were asked for, as they lie in memory."""


class Meter:
    """Counts while one tile is made, in one process."""

    def __init__(self) -> None:
        self._began = time.process_time()
        self._pixels = 0
        self._read_bytes = 0

    def reading(self, read: "Callable[[str, Window], Cube]") -> "Callable[[str, Window], Cube]":
        """Return *read*, counted."""

        def counted(node: str, window: "Window") -> "Cube":
            cube = read(node, window)
            self._read_bytes += cube.values.data.nbytes
            return cube

        return counted

    def note_made(self, cube: "Cube") -> None:
        """Count a cube that a process has made."""
        self._pixels += cube.values.data.size

    def usage(self) -> TileUsage:
        """Return what was counted so far."""
        return TileUsage(self._pixels, time.process_time() - self._began, self._read_bytes)
