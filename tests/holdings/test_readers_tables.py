"""Vectors and tables: columns, places, times; nothing is guessed that a later row breaks."""

import gzip
import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import pytest

from made_up import geojson, write_geoparquet, write_json
from twinlake.holdings.readers.describe import describe, thumbnail
from twinlake.holdings.readers.errors import ForeignReferenceError, RecipeNeededError, UnreadableFileError
from twinlake.holdings.readers.hints import Hints


def _csv(tmp_path, text, **options):
    path = tmp_path / "table.csv"
    path.write_text(text, **options)
    return path


def _columns(described):
    return {each["name"]: each["type"] for each in described.asset["table:columns"]}


def test_csv_with_places_and_times(tmp_path):
    path = _csv(tmp_path, "name,lon,lat,time,value\na,10,50,2020-01-01,1\nb,11,51,2020-02-01T12:00:00Z,2.5\n")

    described = describe(path)

    assert _columns(described) == {"name": "string", "lon": "int64", "lat": "int64", "time": "string", "value": "double"}
    assert described.asset["table:row_count"] == 2
    assert described.footprint.bbox == (10, 50, 11, 51)
    assert (described.time.start, described.time.end) == (datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, 12, tzinfo=UTC))
    assert thumbnail(path, described)


def test_csv_without_place(tmp_path):
    described = describe(_csv(tmp_path, "year;value\n1999;1\n2001;2\n"))

    assert described.footprint is None
    assert (described.time.start.year, described.time.end) == (1999, datetime(2001, 12, 31, 23, 59, 59, tzinfo=UTC))


def test_csv_with_a_column_per_year(tmp_path):
    described = describe(_csv(tmp_path, "Model,Scenario,2010,2020,2100\nm,s,1,2,3\n"))

    assert (described.time.start.year, described.time.end.year) == (2010, 2100)


def test_a_later_row_widens_a_type(tmp_path):
    rows = "".join(f"{n}\n" for n in range(30_000))

    assert _columns(describe(_csv(tmp_path, f"a,b\n{rows.replace(chr(10), ',1' + chr(10))}x,2\n"))) == {
        "a": "string",
        "b": "int64",
    }


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_line_ends_quotes_comments_and_names(tmp_path, end):
    text = end.join(["# a comment", '"a\ufeff","b, c",,b,b', '1,"two, three",4,5,6', ""])
    path = tmp_path / "x.csv"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())

    assert list(_columns(describe(path))) == ["a\ufeff", "b, c", "column3", "b", "b_2"]


def test_latin_1(tmp_path):
    assert describe(_csv(tmp_path, "straße,größe\n1,2\n", encoding="latin-1")).asset["table:columns"][0]["name"] == "straße"


def test_gzip(tmp_path):
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(b"year,value\n1999,1\n"))

    described = describe(path)

    assert (described.media_type, described.asset["table:row_count"]) == ("application/gzip", 1)


def test_ragged_rows_are_refused(tmp_path):
    with pytest.raises(UnreadableFileError, match="Expected 2 columns, got 1"):
        describe(_csv(tmp_path, "a,b\n1,2\n3\n"))


def test_recipe_names_columns(tmp_path):
    path = _csv(tmp_path, "when,east,north\n31.12.2019,10,50\n")
    hints = Hints(time_columns=("when",), time_format="%d.%m.%Y", longitude_column="east", latitude_column="north")

    described = describe(path, hints=hints)

    assert described.time.start == datetime(2019, 12, 31, tzinfo=UTC)
    assert described.footprint.geometry == {"type": "Point", "coordinates": [10.0, 50.0]}
    with pytest.raises(RecipeNeededError, match="no column 'where'"):
        describe(path, hints=Hints(longitude_column="where"))
    with pytest.raises(RecipeNeededError, match="not understood"):
        describe(path, hints=Hints(time_columns=("when",), time_format="%Y"))


def test_geojson(tmp_path):
    path = write_json(tmp_path / "places.json", geojson())

    described = describe(path)

    assert described.footprint.bbox == (10, 48, 12, 50)
    assert described.asset["table:row_count"] == 3
    assert _columns(described) == {"geometry": "geometry", "name": "string", "height": "number", "date": "string"}
    assert described.time.end == datetime(2020, 1, 3, 23, 59, 59, tzinfo=UTC)
    assert thumbnail(path, described)


def test_geojson_by_line_and_bare_geometry(tmp_path):
    path = tmp_path / "lines"
    path.write_text("\n".join(json.dumps(each) for each in geojson(5)["features"]))
    assert describe(path).asset["table:row_count"] == 5

    polygon = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    assert describe(write_json(path, polygon)).footprint.bbox == (0, 0, 1, 1)


def test_geojson_in_an_old_crs(tmp_path):
    document = geojson(1, crs={"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}})
    document["features"][0]["geometry"]["coordinates"] = [500_000, 5_000_000]

    assert describe(write_json(tmp_path / "x", document)).footprint.bbox[0] == pytest.approx(15.0)


def test_geojson_crs_links_are_refused(tmp_path):
    document = {"crs": {"type": "link", "properties": {"href": "http://169.254.169.254/"}}, **geojson()}

    with pytest.raises(ForeignReferenceError):
        describe(write_json(tmp_path / "x", document))


@pytest.mark.parametrize(
    "geometry", [{"type": "Point", "coordinates": ["a", 1]}, {"type": "Blob"}, {"type": "Point", "coordinates": [200, 100]}]
)
def test_broken_geometries(tmp_path, geometry):
    document = geojson(1)
    document["features"][0]["geometry"] = geometry

    with pytest.raises(UnreadableFileError):
        describe(write_json(tmp_path / "x", document))


def test_geojson_larger_than_a_chunk(tmp_path):
    path = write_json(tmp_path / "big", geojson(2000))
    document = geojson(2000)
    for feature in document["features"]:
        feature["geometry"]["coordinates"] = [10.0, 50.0]
        feature["properties"]["name"] = 'quote " bracket ] backslash \\' * 3
    write_json(path, document)

    assert describe(path).asset["table:row_count"] == 2000


def test_geoparquet(tmp_path):
    utm = pyproj.CRS.from_epsg(32633).to_json_dict()
    path = write_geoparquet(tmp_path / "x", crs=utm)

    described = describe(path)

    assert described.footprint.bbox == pytest.approx((15.0, 45.15, 15.14, 45.16), abs=1e-2)
    assert described.asset["proj:code"] == "EPSG:32633"
    assert described.asset["table:primary_geometry"] == "geometry"
    assert described.time.end == datetime(1970, 1, 2, tzinfo=UTC)
    assert thumbnail(path, described)


def test_parquet_without_geometry(tmp_path):
    path = tmp_path / "x"
    pq.write_table(pa.table({"lon": [1.0, 2.0], "lat": [3.0, 4.0], "year": [1990, 1991], "tags": [["a"], []]}), path)

    described = describe(path)

    assert described.footprint.bbox == (1, 3, 2, 4)
    assert described.time.end.year == 1991
    assert _columns(described)["tags"].startswith("list")
