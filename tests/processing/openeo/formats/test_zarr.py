"""Zarr restores a cube exactly, and other libraries read it."""

import json
import shutil

import numpy as np
import pyproj
import pytest
import xarray as xr
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processing.openeo.formats.drawn import FACTS, assert_identical, cuts, hollow, rasters, save, vectors, whole
from processing.openeo.rasters import T, X, Y, a_cube
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.formats.chunking import choose_chunks
from twinlake.processing.openeo.formats.zarr_cube import open_cube
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import OpenEoError

MANY = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
PLACES = Dimension(name="geometries", kind="geometry", labels=("POINT (1 2)", "POINT (1 2)"), crs=4326)
MIXED = Dimension(name="properties", labels=("a", "ü"))


@MANY
@given(data=st.data())
def test_a_cube_is_restored_exactly(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("zarr")
    cube = data.draw(st.one_of(rasters(more=True), vectors()))
    (written,) = save(cube, data.draw(cuts(cube)), folder, "Zarr")
    source = open_cube(folder / written.path)

    assert_identical(source.read({}), cube)
    empty = source.hollow
    assert empty.dimensions == cube.dimensions
    assert empty.values.data.shape == hollow(cube).values.data.shape
    assert empty.values.data.dtype == cube.values.data.dtype
    for window, tile in data.draw(cuts(cube)):
        assert_identical(source.read(window), tile)
    assert source.chunks == {each.name: len(each.labels) for each in cube.dimensions}


@pytest.mark.parametrize(
    "cells",
    [
        [["text", 'with "quotes" ü'], ["", " "]],
        [["a", None], [1, 2.5]],
        [[True, False], [[1, [None, "b"]], {"c": 1.0}]],
        [[1e300, float("inf")], [-0.0, 10**30]],
        [[None, None], [None, None]],
    ],
)
def test_texts_and_mixed_objects_are_restored_exactly(tmp_path, cells):
    data = np.empty((2, 2), dtype=object)
    for place in np.ndindex(2, 2):
        data[place] = cells[place[0]][place[1]]
    valid = np.array([[each is not None for each in row] for row in cells])
    cube = Cube(values=Values(data=data, valid=None if valid.all() else valid), dimensions=(PLACES, MIXED))
    (written,) = save(cube, whole(cube), tmp_path, "Zarr")
    found = open_cube(tmp_path / written.path).read({})

    assert found.dimensions == cube.dimensions
    assert np.array_equal(found.values.where(), valid)
    assert [json.dumps(each) for each in found.values.data[valid]] == [json.dumps(each) for each in data[valid]]
    assert [type(each) for each in found.values.data[valid]] == [type(each) for each in data[valid]]


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (3, 0)])
def test_cubes_without_cells_or_dimensions_are_restored(tmp_path, shape):
    dimensions = tuple(Dimension(name=f"d{n}", labels=tuple(range(length))) for n, length in enumerate(shape))
    cube = Cube(values=Values(data=np.full(shape, 3.5)), dimensions=dimensions)
    (written,) = save(cube, whole(cube), tmp_path, "Zarr")
    assert_identical(open_cube(tmp_path / written.path).read({}), cube)


def test_names_of_dimensions_may_be_anything(tmp_path):
    names = ("data", "cube", "valid", "spatial_ref", "../../x", "a/b", "", "ü", "zarr.json", "..", "c")
    dimensions = tuple(Dimension(name=name, labels=("l",)) for name in names)
    cube = Cube(
        values=Values(data=np.ones((1,) * len(names)), valid=np.zeros((1,) * len(names), dtype=bool)), dimensions=dimensions
    )
    (written,) = save(cube, whole(cube), tmp_path / "in", "Zarr")
    assert_identical(open_cube(tmp_path / "in" / written.path).read({}), cube)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def large(shape, dtype="int16"):
    y = Dimension(name="y", kind="spatial", axis="y", labels=tuple(float(-n) for n in range(shape[-2])), crs=32631)
    x = Dimension(name="x", kind="spatial", axis="x", labels=tuple(float(n) for n in range(shape[-1])), crs=32631)
    front = (T,) if len(shape) == 3 else ()
    data = np.random.default_rng(1).integers(0, 100, shape).astype(dtype)
    return Cube(values=Values(data=data, valid=data > 5), dimensions=(*front, y, x))


def test_zarr_finds_shards_of_chunks_and_all_metadata_in_one_document(tmp_path):
    cube = large((1100, 700))
    (written,) = save(cube, whole(cube), tmp_path, "Zarr")
    group = zarr.open_group(tmp_path / written.path, mode="r")
    array = group["data"]

    assert group.metadata.consolidated_metadata is not None
    assert group.metadata.zarr_format == 3
    assert (array.chunks, array.shards) == ((256, 256), (1024, 768))
    assert array.metadata.dimension_names == ("y", "x")
    assert np.array_equal(np.where(group["valid"][...], array[...], -1), np.where(cube.values.valid, cube.values.data, -1))
    assert sorted(path.name for path in (tmp_path / written.path / "data" / "c").rglob("*") if path.is_file()) == ["0", "0"]
    assert open_cube(tmp_path / written.path).chunks == {"y": 256, "x": 256}


def test_xarray_opens_the_store_with_its_coordinates(tmp_path):
    cube = a_cube()
    (written,) = save(cube, whole(cube), tmp_path, "Zarr")
    with xr.open_zarr(tmp_path / written.path, chunks=None) as dataset:
        assert dataset.data.dims == ("t", "y", "x")
        assert np.array_equal(dataset.data.values, cube.values.data, equal_nan=True)
        assert dataset.y.values.tolist() == list(Y.labels)
        assert dataset.x.attrs["standard_name"] == "projection_x_coordinate"
        assert dataset.t.values.astype("datetime64[s]").astype(str).tolist() == [each.removesuffix("Z") for each in T.labels]
        assert pyproj.CRS.from_wkt(dataset.spatial_ref.attrs["crs_wkt"]).to_epsg() == 32631
        assert dataset.attrs["title"] == FACTS.title
        assert dataset.cube.attrs["long_name"] == "description of the cube, for Twinlake"
        assert "load_stac" in dataset.cube.attrs["comment"]


@pytest.mark.parametrize(
    ("kinds", "lengths", "chunk", "shard"),
    [
        ("tyx", (24, 10980, 10980), (1, 256, 256), (1, 1024, 1024)),
        ("tbyx", (2, 3, 100, 100), (2, 3, 100, 100), (2, 3, 100, 100)),
        ("tyx", (7305, 161, 281), (1, 161, 256), (12, 161, 512)),
        ("tg", (7305, 56), (1170, 56), (8190, 56)),
        ("yx", (1, 1), (1, 1), (1, 1)),
        ("", (), (), ()),
        ("tyx", (0, 3, 0), (1, 3, 1), (1, 3, 1)),
    ],
)
def test_chunks_and_shards_come_of_the_shape_alone(kinds, lengths, chunk, shard):
    of = {"t": "temporal", "b": "bands", "g": "geometry", "y": "spatial", "x": "spatial"}
    dimensions = [
        Dimension(name=kind, kind=of[kind], axis=kind if kind in "xy" else None, labels=tuple(range(length)))
        for kind, length in zip(kinds, lengths, strict=True)
    ]
    chosen = choose_chunks(dimensions)
    assert (chosen.chunk, chosen.shard) == (chunk, shard)


def test_a_store_that_nobody_wrote_so_is_refused(tmp_path):
    zarr.create_array(tmp_path / "other", shape=(2,), dtype="i2")
    for path in (tmp_path / "other", tmp_path / "nothing"):
        with pytest.raises(OpenEoError):
            open_cube(path)


def damage_labels(store):
    array = zarr.open_array(store / "cube", mode="r+")
    text = bytes(array[...]).replace(b'"2020-01-01T00:00:00Z",', b'"2020-01-01T00:00:00Z" ', 1)
    array[...] = np.frombuffer(text, dtype=np.uint8)


def damage_shape(store):
    document = json.loads((store / "data" / "zarr.json").read_text())
    document["shape"] = [3, 4, 200]
    (store / "data" / "zarr.json").write_text(json.dumps(document))


def damage_type(store):
    document = json.loads((store / "data" / "zarr.json").read_text())
    document["data_type"] = "int32"
    (store / "data" / "zarr.json").write_text(json.dumps(document))


def damage_metadata(store):
    (store / "zarr.json").write_text("{")


def damage_link(store):
    (store / "data" / "more").symlink_to("/etc/passwd")


def remove_description(store):
    shutil.rmtree(store / "cube")


@pytest.mark.parametrize(
    "damage",
    [damage_labels, damage_shape, damage_type, damage_metadata, damage_link, remove_description],
    ids=lambda each: each.__name__,
)
def test_a_damaged_store_is_refused(tmp_path, damage):
    cube = a_cube()
    (written,) = save(cube, whole(cube), tmp_path, "Zarr")
    damage(tmp_path / written.path)
    with pytest.raises(OpenEoError):
        open_cube(tmp_path / written.path)


def test_a_damaged_chunk_is_told_when_it_is_read(tmp_path):
    cube = large((300, 300))
    (written,) = save(cube, whole(cube), tmp_path, "Zarr")
    (shard,) = [path for path in (tmp_path / written.path / "data" / "c").rglob("*") if path.is_file()]
    content = bytearray(shard.read_bytes())
    content[10:200] = bytes(190)
    shard.write_bytes(content)
    source = open_cube(tmp_path / written.path)
    with pytest.raises(OpenEoError, match="cannot be read"):
        source.read({})
    with pytest.raises(OpenEoError, match="cannot be read"):
        source.read({"y": slice(0, 10), "x": slice(0, 10)})
    assert source.read({"y": slice(290, 300), "x": slice(290, 300)}).values.data.shape == (10, 10)


def test_labels_of_regular_pixels_are_the_same_bits(tmp_path):
    labels = tuple(500005.0 + 0.1 * n for n in range(50))
    dimensions = (Y, X.relabel(labels))
    cube = Cube(values=Values(data=np.zeros((4, 50))), dimensions=dimensions)
    (written,) = save(cube, whole(cube), tmp_path, "Zarr")
    assert open_cube(tmp_path / written.path).hollow.dimensions == dimensions
