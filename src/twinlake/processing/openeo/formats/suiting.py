"""Whether a format can hold a cube, told of a hollow one: before anything is computed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.formats.grids import Grid, read_grid
from twinlake.processing.openeo.formats.registry import Format, Holding
from twinlake.processing.openeo.shapes.dimensions import Dimension, find_kind
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

MAX_TABLE_CELLS = 20_000_000
"""Of a cube that is written as text or as a table, which is held in memory as a whole."""
_IMAGES = frozenset({"GTiff", "COG", "PNG"})
_BETTER: Mapping[Holding, str] = {"raster": "netCDF", "vector": "GeoJSON or CSV", "table": "CSV or JSON", "other": "JSON"}
_WHOLE = frozenset({"CSV", "GeoJSON", "JSON", "Parquet"})


def kind_of(data: Any) -> Holding:
    """Return what kind of data *data*, a cube or plain JSON, are to users of geographic information."""
    if not isinstance(data, Cube):
        return "other"
    kinds = {each.kind for each in data.dimensions}
    if "geometry" in kinds:
        return "vector"
    if {"x", "y"} <= {each.axis for each in data.dimensions if each.kind == "spatial"}:
        return "raster"
    return "table" if data.dimensions else "other"


def suggest_format(data: Any) -> str:
    """Return the name of the format of a result of which nobody said how to save it."""
    return "netCDF" if kind_of(data) == "raster" else "JSON"


def require_suitable(data: Any, chosen: Format, options: Mapping[str, Any]) -> None:
    """Do nothing if the format can hold *data*, a cube, which may be hollow, or plain JSON.

    Raises
    ------
    ProcessError
        ``FormatUnsuitable``, ``DataCubeEmpty``.
    """
    kind = kind_of(data)
    if kind not in chosen.holds or (not isinstance(data, Cube) and chosen.name != "JSON"):
        message = f"{chosen.name} holds {' and '.join(chosen.holds)} data, and this is {kind}."
        raise unsuitable(message, f"Save it as {_BETTER[kind]}.")
    if not isinstance(data, Cube):
        return
    if len({each.name for each in data.dimensions}) < len(data.dimensions):
        raise unsuitable("Two dimensions of the cube have one name.", "Rename one with rename_dimension.")
    if chosen.name in _IMAGES:
        _require_image(data, chosen.name, options)
    cells = int(np.prod([len(each.labels) for each in data.dimensions], dtype=float))
    is_object = data.values.data.dtype == object
    if (chosen.name in _WHOLE or is_object) and cells > MAX_TABLE_CELLS:
        raise unsuitable(
            f"{chosen.name} takes {MAX_TABLE_CELLS} cells at most, and the cube has {cells}.", "Save it as Zarr or netCDF."
        )
    if chosen.name == "netCDF":
        _require_labels(data.dimensions, chosen.name)
    if chosen.name in {"netCDF", *_IMAGES} and is_object:
        raise unsuitable(f"{chosen.name} holds numbers, and the cube has texts.", "Save it as Zarr, Parquet or JSON.")


def _require_image(cube: Cube, name: str, options: Mapping[str, Any]) -> None:
    _require_labels(cube.dimensions, name)
    extra = [each.name for each in cube.dimensions if each.kind not in {"spatial", "temporal", "bands"} or each.axis == "z"]
    for kind in ("temporal", "bands"):
        extra += [cube.dimensions[number].name for number in find_kind(cube.dimensions, kind)[1:]]
    if extra:
        named = " and ".join(map(repr, extra))
        raise unsuitable(f"{name} has no place for the dimension {named}.", "Reduce it first, or save as netCDF or Zarr.")
    find_grid(cube.dimensions)
    bands = sum(len(each.labels) for each in cube.dimensions if each.kind == "bands") or 1
    if name == "PNG" and bands not in {1, 3, 4}:
        raise unsuitable(f"A PNG has 1, 3 or 4 bands, and the cube {bands}.", "Choose some with filter_bands.")
    lowest, highest = options.get("minimum"), options.get("maximum")
    if lowest is not None and highest is not None and lowest >= highest:
        raise ProcessParameterInvalidError("The option 'minimum' of PNG must be less than 'maximum'.")
    if name == "PNG" and options["palette"] is not None and bands != 1:
        raise unsuitable("A palette is for one band.", "Choose one with filter_bands, or leave out the palette.")


def find_grid(dimensions: Sequence[Dimension]) -> Grid:
    """Return the grid of an image.

    Raises
    ------
    ProcessError
        ``FormatUnsuitable``: it is not regular.
    """
    grid = read_grid(dimensions)
    if grid is None:
        raise unsuitable(
            "The pixels of the cube do not lie at equal distances, or nothing tells how large they are.",
            "Bring it to a regular grid with resample_spatial, or save it as netCDF or Zarr.",
        )
    return grid


def _require_labels(dimensions: Sequence[Dimension], name: str) -> None:
    for each in dimensions:
        if not each.labels:
            raise ProcessError("DataCubeEmpty", f"Nothing is along {each.name!r}, and {name} cannot hold that. Save it as JSON.")


def unsuitable(message: str, remedy: str) -> ProcessError:
    """Return the error of a format that cannot hold a cube."""
    return ProcessError("FormatUnsuitable", f"{message} {remedy}")
