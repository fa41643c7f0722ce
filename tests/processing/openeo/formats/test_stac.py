"""What is told of files fits the schemas of STAC and its extensions."""

import json

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processing.openeo.formats.drawn import rasters, save, vectors, whole
from processing.openeo.rasters import T, X, Y
from stac_schemas import SchemaCheck
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.formats.stac import find_extent, to_standard
from twinlake.processing.openeo.values import Values

FEW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
EXTENSIONS = {
    "proj:": "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "eo:": "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "raster:": "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    "cube:": "https://stac-extensions.github.io/datacube/v2.3.0/schema.json",
    "table:": "https://stac-extensions.github.io/table/v1.2.0/schema.json",
}


def to_item(written):
    """Return an item with one asset, as whoever publishes results makes it."""
    west, south, east, north = written.bbox or (-180, -90, 180, 90)
    asset = {"href": f"./{written.path}", "type": written.media_type, "title": written.title, "roles": list(written.roles)}
    document = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": "r",
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
        },
        "bbox": [west, south, east, north],
        "collection": "c",
        "properties": {"datetime": "2020-01-01T00:00:00Z"},
        "links": [],
        "assets": {"data": asset | written.fields},
    }
    if written.start is not None:
        document["properties"] = {"datetime": None, "start_datetime": written.start, "end_datetime": written.end}
    text = json.dumps(written.fields)
    return document | {"stac_extensions": [uri for prefix, uri in EXTENSIONS.items() if f'"{prefix}' in text]}


@pytest.mark.parametrize("named", ["COG", "netCDF", "Zarr", "PNG", "Parquet", "CSV", "GeoJSON", "JSON"])
@FEW
@given(data=st.data())
def test_fields_of_assets_are_valid(named, data, tmp_path_factory, shared):
    check = SchemaCheck(shared / "contracts" / "schemas")
    few = ("float32", "uint8", "bool")
    drawn = {"COG": rasters(types=few), "PNG": rasters(types=few, counts=(1, 3)), "netCDF": rasters(types=few, more=True)}
    cube = data.draw(drawn.get(named, vectors(types=few)))
    for each in save(cube, whole(cube), tmp_path_factory.mktemp("stac"), named):
        assert check.problems(json.loads(json.dumps(to_item(each), allow_nan=False))) == []


@pytest.mark.parametrize(
    ("text", "calendar", "standard"),
    [
        ("2020-02-30", "360_day", "2020-02-29T00:00:00Z"),
        ("2019-02-30T12:00:00Z", "360_day", "2019-02-28T12:00:00Z"),
        ("2019-02-29", "all_leap", "2019-02-28T00:00:00Z"),
        ("2020-01-31T23:59:59.25Z", "standard", "2020-01-31T23:59:59.250000Z"),
        ("2020-01-01T01:00:00+02:00", "standard", "2019-12-31T23:00:00Z"),
    ],
)
def test_times_of_other_calendars_are_told_in_that_of_everybody(text, calendar, standard):
    assert to_standard(text, calendar) == standard


def place(x, y, crs):
    return (
        msgspec.structs.replace(Y, labels=tuple(y), crs=crs),
        msgspec.structs.replace(X, labels=tuple(x), crs=crs),
    )


@pytest.mark.parametrize(
    ("dimensions", "bbox"),
    [
        (place((0.5, 1.5), (1.5, 0.5), 4326), (0, 0, 2, 2)),
        (place((0.5, 1.5), (0.5, 1.5), None), (0, 0, 2, 2)),
        (place((225.5, 226.5), (0.5, 1.5), 4326), (-135, 0, -133, 2)),
        (place((179.5, 180.5), (0.5, 1.5), 4326), (179, 0, -179, 2)),
        (place((90.0, 270.0), (45.0, -45.0), 4326), (-180, -90, 180, 90)),
        (place(np.arange(432, dtype=np.float32) * np.float32(0.8333333), (1.0, 0.0), 4326), (-180, -0.5, 180, 1.5)),
        (place((0.0, 1.0, 5.0), (0.0, 1.0), 4326), (0, 0, 5, 1)),
        (place((500000.0, 500010.0), (10.0, 0.0), 32631), (2.99995, -0.00005, 3.00014, 0.00014)),
        (place((1e30, 2e30), (1e30, 2e30), 32631), None),
        ((T,), None),
    ],
)
def test_where_a_cube_is(dimensions, bbox):
    assert find_extent(dimensions).bbox == (bbox if bbox is None else pytest.approx(bbox, abs=1e-5))


def test_large_grids_are_told_by_their_step(tmp_path):
    long = msgspec.structs.replace(X, labels=tuple(float(n) for n in range(2000)))
    cube = Cube(values=Values(data=np.zeros((4, 2000), dtype=np.float32)), dimensions=(Y, long))
    (written,) = save(cube, whole(cube), tmp_path, "netCDF")
    told = written.fields["cube:dimensions"]
    assert (told["x"]["extent"], told["x"]["step"], "values" in told["x"]) == ([0.0, 1999.0], 1.0, False)
    assert told["y"]["values"] == list(Y.labels)
    assert written.fields["proj:transform"] == [1.0, 0.0, -0.5, 0.0, -1.0, 2.5]


def test_rows_from_the_south_have_no_transform_of_images(tmp_path):
    rising = msgspec.structs.replace(Y, labels=Y.labels[::-1])
    cube = Cube(values=Values(data=np.zeros((4, 2), dtype=np.float32)), dimensions=(rising, X))
    (written,) = save(cube, whole(cube), tmp_path, "netCDF")
    assert written.fields["proj:code"] == "EPSG:32631"
    assert "proj:transform" not in written.fields
