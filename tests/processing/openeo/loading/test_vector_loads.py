"""Collections of vectors and tables become cubes of rows: one file of each item, in the order of time and ids."""

import json

import geopandas
import numpy as np
import pytest
import shapely

from processing.openeo.loading.lake import open_lake, request
from twinlake.processing.openeo.loading.pins import VectorPins, tell_apart
from twinlake.processing.openeo.loading.planning.describing import describe_cube
from twinlake.standards.openeo.errors import ProcessError, ProcessParameterInvalidError

RECIPE = 'datetime = "2020-01-01T00:00:00Z"'
SQUARES = {"a": shapely.box(0, 0, 1, 1), "b": shapely.box(4, 4, 6, 6), "c": shapely.box(10, 10, 11, 12)}


@pytest.fixture
async def lake(tmp_path):
    async with open_lake(tmp_path) as lake:
        yield lake


def write(folder, name="squares", squares=SQUARES, **columns):
    folder.mkdir(exist_ok=True)
    data = {"name": list(squares), **columns}
    geopandas.GeoDataFrame(data, geometry=list(squares.values()), crs=4326).to_parquet(folder / f"{name}.parquet")


async def hold(lake, folder, collection="squares"):
    return await lake.hold(folder, collection=collection, recipe=RECIPE)


async def test_vectors_of_a_collection_are_a_cube_of_rows(lake, tmp_path):
    write(tmp_path / "v", people=[3, None, 5])
    items = await hold(lake, tmp_path / "v")
    pins = await lake.pin(request("squares"))
    cube = await lake.read(pins)

    assert isinstance(pins, VectorPins)
    assert (pins.format, [each.key for each in pins.files]) == ("Parquet", [f"squares/{items[0]['id']}/{pins.files[0].asset}"])
    assert [each.name for each in cube.dimensions] == ["geometries", "properties"]
    assert [shapely.from_wkt(each) for each in cube.dimensions[0].labels] == list(SQUARES.values())
    assert cube.dimensions[0].crs == 4326
    assert cube.dimensions[1].labels == ("name", "people")
    assert cube.values.data[:, 0].tolist() == ["a", "b", "c"]
    assert cube.values.where()[:, 1].tolist() == [True, False, True]
    assert "squares" not in json.dumps(tell_apart({"": pins}))


@pytest.mark.parametrize(
    ("extent", "names"),
    [
        ({"west": -1, "south": -1, "east": 7, "north": 7}, ["a", "b"]),
        ({"west": 3, "south": 3, "east": 5, "north": 7}, None),
        ({"type": "MultiPolygon", "coordinates": [[[[-1, -1], [2, -1], [-1, 9], [-1, -1]]]]}, ["a"]),
        ({"type": "Polygon", "coordinates": [[[9, 9], [12, 9], [12, 13], [9, 13], [9, 9]]]}, ["c"]),
    ],
)
async def test_an_extent_keeps_the_geometries_that_lie_within_it(lake, tmp_path, extent, names):
    write(tmp_path / "v")
    await hold(lake, tmp_path / "v")
    pins = await lake.pin(request("squares", spatial_extent=extent))
    if names is None:
        with pytest.raises(ProcessError, match="within the spatial extent as a whole") as refused:
            await lake.read(pins)
        assert refused.value.reason == "NoDataAvailable"
    else:
        assert (await lake.read(pins)).values.data[:, 0].tolist() == names


async def test_rows_of_several_items_follow_one_another(lake, tmp_path):
    write(tmp_path / "v", "one", {"b": SQUARES["b"]})
    write(tmp_path / "v", "two", {"a": SQUARES["a"], "c": SQUARES["c"]})
    await hold(lake, tmp_path / "v")
    cube = await lake.load("squares")

    assert cube.values.data[:, 0].tolist() == ["b", "a", "c"]
    with pytest.raises(ProcessError, match="There is no data"):
        await lake.load("squares", temporal_extent=["2021-01-01", None])
    with pytest.raises(ProcessParameterInvalidError, match="no dimension of bands"):
        await lake.load("squares", bands=["name"])


async def test_files_with_places_go_before_tables_and_formats_do_not_mix(lake, tmp_path):
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "rows.csv").write_text("name,people\na,3\nb,\n")
    await lake.hold(tmp_path / "v", collection="rows", recipe=RECIPE)
    table = await lake.load("rows")
    assert [each.name for each in table.dimensions] == ["rows", "properties"]
    assert np.array_equal(table.values.where(), [[True, True], [True, False]])

    write(tmp_path / "v")
    await lake.hold(tmp_path / "v", collection="mixed", recipe=RECIPE)
    with pytest.raises(ProcessError, match="different formats, CSV and Parquet"):
        await lake.pin(request("mixed"))


async def test_linked_files_are_read_where_they_lie(tmp_path):
    write(tmp_path / "data")
    async with open_lake(tmp_path, ingest={"link_roots": [tmp_path / "data"]}) as lake:
        await lake.hold(tmp_path / "data", collection="linked", recipe=RECIPE, link=True)
        pins = await lake.pin(request("linked"))

        assert pins.files[0].modified_ns is not None
        assert (await lake.read(pins)).values.data[:, 0].tolist() == ["a", "b", "c"]


async def test_a_collection_says_that_it_has_geometries(lake, tmp_path):
    write(tmp_path / "v", people=[3, 4, 5])
    items = await hold(lake, tmp_path / "v")
    collection = {"extent": {"spatial": {"bbox": [[0, 0, 11, 12]]}, "temporal": {"interval": [[None, None]]}}}
    told = describe_cube(collection, items)

    assert told["cube:dimensions"] == {
        "geometries": {"type": "geometry", "axes": ["x", "y"], "bbox": [0, 0, 11, 12]},
        "properties": {"type": "other", "values": ["name", "people"]},
    }
    assert len(told["stac_extensions"]) == 1
