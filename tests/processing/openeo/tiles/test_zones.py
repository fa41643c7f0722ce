"""Statistics of geometries from windows of a raster that does not fit into memory at once."""

import numpy as np
import pytest

from processing.openeo.tiles.graphs import LOADED, callback, node, of, reducer
from processing.openeo.tiles.sources import CubeSource, assert_same, compute_whole, make_cube, tile_computing
from twinlake.processing.openeo.tiles.layout import TileSize
from twinlake.standards.openeo.errors import ProcessGraphComplexityError

LOAD = node("add", x=1, y=1)
CUBES = {dtype: make_cube(dtype) for dtype in ("float32", "float64", "int16")}
TINY = TileSize(edge=16, tile_bytes=60_000, largest_bytes=120_000)
"""All pixels at once take more."""


def _polygon(*corners):
    return {"type": "Polygon", "coordinates": [[[500_000.0 + x, 5_000_000.0 - y] for x, y in (*corners, corners[0])]]}


WHOLE = _polygon((-20, -20), (1790, -20), (1790, 1390), (-20, 1390))
SMALL = [
    _polygon((103, 87), (460, 190), (250, 420)),
    _polygon((130, 130), (520, 130), (520, 330), (130, 330)),
    _polygon((611, 611), (618, 611), (618, 618)),
    _polygon((9_000, 9_000), (9_900, 9_000), (9_000, 9_900)),
    {"type": "Point", "coordinates": [501_000.0, 4_999_500.0]},
    {"type": "LineString", "coordinates": [[500_900.0, 4_999_900.0], [501_100.0, 4_999_700.0]]},
]
"""Two that overlap, one without a pixel's centre, one beside the grid, and two that are no polygons."""


def _geometries(shapes):
    features = [{"type": "Feature", "properties": {"n": number}, "geometry": each} for number, each in enumerate(shapes)]
    crs = {"type": "name", "properties": {"name": "EPSG:32631"}}
    return {"type": "FeatureCollection", "features": features, "crs": crs}


def _compute(nodes, dtype, folder, size=TINY):
    source = CubeSource(CUBES[dtype])
    target = list(nodes)[-1]
    made = tile_computing(nodes, {LOADED: source}, folder, size=size).compute([target])[target]
    return made.whole(), source


@pytest.mark.parametrize(
    ("reduction", "dtype", "ignore_nodata", "target"),
    [
        *[(reduction, dtype, True, "told") for reduction in ("sum", "mean", "min") for dtype in ("float32", "int16")],
        ("sd", "float64", True, None),
        ("count", "int16", True, None),
        ("sum", "float64", False, None),
        ("mean", "int16", False, "told"),
        ("min", "int16", False, None),
    ],
)
def test_windows_give_states_that_are_merged(reduction, ignore_nodata, target, dtype, tmp_path):
    cells = node("apply", data=of(LOADED), process=callback("mod", x={"from_parameter": "x"}, y=7))
    options = {} if reduction == "count" else {"ignore_nodata": ignore_nodata}
    reduce = callback(reduction, data={"from_parameter": "data"}, **options)
    zones = {"geometries": _geometries([WHOLE, *SMALL]), "reducer": reduce, "target_dimension": target}
    nodes = {LOADED: LOAD, "cells": cells, "zones": node("aggregate_spatial", data=of("cells"), **zones)}

    found, source = _compute(nodes, dtype, tmp_path)

    assert (tmp_path / "2" / "states").is_dir()
    assert source.cells == CUBES[dtype].values.data.size
    assert_same(found, compute_whole(nodes, {LOADED: CUBES[dtype]}))


@pytest.mark.parametrize("reduction", ["any", "all"])
def test_truths_are_merged_too(reduction, tmp_path):
    cells = node("apply", data=of(LOADED), process=callback("gt", x={"from_parameter": "x"}, y=30))
    zones = {"geometries": _geometries([WHOLE, *SMALL]), "reducer": reducer(reduction)}
    nodes = {LOADED: LOAD, "cells": cells, "zones": node("aggregate_spatial", data=of("cells"), **zones)}

    found, _ = _compute(nodes, "int16", tmp_path, TileSize(edge=16, tile_bytes=15_000, largest_bytes=15_000))

    assert (tmp_path / "2" / "states").is_dir()
    assert_same(found, compute_whole(nodes, {LOADED: CUBES["int16"]}))


@pytest.mark.parametrize(
    ("statistic", "weights", "target"),
    [
        ("sum", "area", None),
        ("mean", "coverage", "told"),
        ("variance", "area", "told"),
        ("min", "coverage", None),
        ("max", "area", None),
    ],
)
def test_weighted_statistics_are_merged_too(statistic, weights, target, tmp_path):
    shapes = _geometries([WHOLE, *SMALL[:4]])
    zones = {"geometries": shapes, "weights": weights, "statistic": statistic, "target_dimension": target}
    nodes = {LOADED: LOAD, "zones": node("aggregate_spatial_weighted", data=of(LOADED), **zones)}

    found, source = _compute(nodes, "float32", tmp_path)

    assert (tmp_path / "1" / "states").is_dir()
    assert source.cells == CUBES["float32"].values.data.size
    expected = compute_whole(nodes, {LOADED: CUBES["float32"]})
    assert found.dimensions == expected.dimensions
    np.testing.assert_allclose(found.values.data, expected.values.data, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("target", [None, "told"])
def test_what_needs_all_pixels_of_a_geometry_goes_geometry_by_geometry(target, tmp_path):
    """No more is read than the boxes around them, and the bits are those of the whole."""
    zones = {"geometries": _geometries(SMALL), "reducer": reducer("median"), "target_dimension": target}
    nodes = {LOADED: LOAD, "zones": node("aggregate_spatial", data=of(LOADED), **zones)}

    found, source = _compute(nodes, "float32", tmp_path)

    assert source.cells < 0.4 * CUBES["float32"].values.data.size
    expected = compute_whole(nodes, {LOADED: CUBES["float32"]})
    assert found.dimensions == expected.dimensions
    assert found.values.data.tobytes() == expected.values.data.tobytes()


def test_what_needs_more_pixels_than_memory_holds_is_refused(tmp_path):
    zones = {"geometries": _geometries([WHOLE]), "reducer": reducer("median")}
    with pytest.raises(ProcessGraphComplexityError, match="zones"):
        _compute(
            {LOADED: LOAD, "zones": node("aggregate_spatial", data=of(LOADED), **zones)},
            "float32",
            tmp_path,
            TileSize(edge=16, tile_bytes=10_000, largest_bytes=20_000),
        )
