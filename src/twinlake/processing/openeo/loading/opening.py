"""Pins and files to a source, in the child."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from twinlake.processing.openeo.loading.pins import RasterPins
from twinlake.processing.openeo.loading.rasters import open_rasters
from twinlake.processing.openeo.loading.source import Source


def open_source(pins: RasterPins, files: Mapping[str, Path]) -> AbstractContextManager[Source]:
    """Return a context that holds the source of *pins*; *files* are where the pinned files lie, by key.

    Files are opened when they are first read, and closed with the context.
    """
    return open_rasters(pins, files)
