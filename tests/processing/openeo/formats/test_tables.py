"""Vector cubes and tables as pandas, geopandas, pyogrio and json read them."""

# ruff: noqa: PD011 - cubes have values

import csv
import json

import geopandas
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pyproj
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processing.openeo.formats.drawn import FACTS, save, vectors, whole
from processing.openeo.rasters import T, X, Y, a_cube
from twinlake.processing.openeo.cubes import Cube, read_cube, write_cube
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.quantities import Quantity
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
SQUARE = "POLYGON ((500000 0, 500000 1000, 501000 1000, 501000 0, 500000 0))"
PLACES = Dimension(name="geometries", kind="geometry", labels=(SQUARE, "POINT (500500 500)"), crs=32631)
BANDS = Dimension(name="bands", kind="bands", labels=("B04", "date"))
PROPERTIES = Dimension(name="properties", labels=("name", "people", "share", "is_capital", "more"))


def series(dtype="float32"):
    data = np.arange(12, dtype=dtype).reshape(3, 2, 2)
    valid = np.ones(data.shape, dtype=bool)
    valid[1, 0, 1] = False
    return Cube(values=Values(data=data, valid=valid, nan_is_nodata=dtype == "float32"), dimensions=(T, PLACES, BANDS))


def features():
    cells = [['a,"b"\r\nü', 5, 0.1, True, [1, {"x": None}]], [None, None, 2, False, "text"]]
    data = np.empty((2, 5), dtype=object)
    for place in np.ndindex(2, 5):
        data[place] = cells[place[0]][place[1]]
    valid = np.array([[each is not None for each in row] for row in cells])
    return Cube(values=Values(data=data, valid=valid), dimensions=(PLACES, PROPERTIES))


def path_of(cube, folder, named, **options):
    (written,) = save(cube, whole(cube), folder, named, **options)
    return folder / written.path


def expected_rows(cube):
    """Return rows as dictionaries, by a loop over cells: the labels of each row, and its cells by column."""
    across = next((n for n, each in enumerate(cube.dimensions) if each.kind == "bands"), None)
    names = {"temporal": "date", "geometry": "feature_index"}
    rows = {}
    where = cube.values.where()
    for cell in np.ndindex(cube.values.data.shape):
        key = tuple(
            (names[each.kind], cell[n] if each.kind == "geometry" else each.labels[cell[n]])
            for n, each in enumerate(cube.dimensions)
            if n != across
        )
        column = "value" if across is None else cube.dimensions[across].labels[cell[across]]
        rows.setdefault(frozenset(key), {})[column] = cube.values.data[cell].item() if where[cell] else None
    return rows


@FEW
@given(data=st.data())
def test_pandas_reads_each_cell_of_a_csv(data, tmp_path_factory):
    cube = data.draw(vectors(types=("int16", "float64", "int64", "uint64", "bool")))
    found = pd.read_csv(path_of(cube, tmp_path_factory.mktemp("csv"), "CSV"), dtype=str, keep_default_na=False)
    rows = expected_rows(cube)

    assert len(found) == len(rows)
    for row in found.to_dict("records"):
        key = frozenset(
            (name, int(row[name]) if name == "feature_index" else row[name]) for name in ("date", "feature_index") if name in row
        )
        for column, value in rows[key].items():
            assert is_same(as_number(row[column]), value)


def is_same(found, expected):
    return found == expected or (isinstance(expected, float) and np.isnan(expected) and np.isnan(found))


def as_number(text):
    if text in {"", "true", "false"}:
        return {"": None, "true": True, "false": False}[text]
    return int(text) if text.lstrip("-").isdigit() else float(text)


def test_a_series_is_a_csv_as_clients_of_openeo_know_it(tmp_path):
    text = path_of(series(), tmp_path, "CSV").read_bytes().decode()
    assert text == (
        "date,feature_index,B04,date_\r\n"
        "2020-01-01T00:00:00Z,0,0.0,1.0\r\n"
        "2020-01-01T00:00:00Z,1,2.0,3.0\r\n"
        "2020-01-02T00:00:00Z,0,4.0,\r\n"
        "2020-01-02T00:00:00Z,1,6.0,7.0\r\n"
        "2020-01-03T00:00:00Z,0,8.0,9.0\r\n"
        "2020-01-03T00:00:00Z,1,10.0,11.0\r\n"
    )


FEATURES = (
    json.dumps({"id": "a", "properties": {"name": "Lake", "people": 5, "B04": "own", "more": [1]}}),
    json.dumps({"properties": {"name": "=Wood", "share": 0.5}}),
)


def test_what_features_say_stands_in_each_of_their_rows(tmp_path):
    told = Dimension(name="geometries", kind="geometry", labels=PLACES.labels, crs=32631, features=FEATURES)
    cube = Cube(values=series().values, dimensions=(T, told, BANDS))

    assert path_of(cube, tmp_path, "CSV").read_bytes().decode().splitlines()[:3] == [
        "date,feature_index,id,name,people,B04_,more,share,B04,date_",
        "2020-01-01T00:00:00Z,0,a,Lake,5,own,[1],,0.0,1.0",
        "2020-01-01T00:00:00Z,1,,'=Wood,,,,0.5,2.0,3.0",
    ]
    one = Cube(values=Values(data=cube.values.data[0], nan_is_nodata=True), dimensions=(told, BANDS))
    [lake, wood] = json.loads(path_of(one, tmp_path, "GeoJSON").read_text())["features"]
    assert {"id": "a", "name": "Lake", "people": 5, "more": [1], "share": None, "B04": 0.0}.items() <= lake["properties"].items()
    assert (wood["properties"]["name"], wood["properties"]["people"]) == ("=Wood", None)
    frame = geopandas.read_parquet(path_of(cube, tmp_path, "Parquet"))
    assert frame["name"].tolist() == ["Lake", "=Wood"] * 3
    assert frame["share"].isna().tolist() == [True, False] * 3


def test_properties_that_are_the_values_stand_there_once(tmp_path):
    features_of = tuple(json.dumps({"properties": {"name": name, "people": 3}}) for name in "ab")
    places = Dimension(name="geometries", kind="geometry", labels=PLACES.labels, crs=32631, features=features_of)
    cube = Cube(values=features().values, dimensions=(places, PROPERTIES))

    assert path_of(cube, tmp_path, "CSV").read_text().splitlines()[0] == "feature_index,name,people,share,is_capital,more"


def test_units_of_columns_are_told_beside_their_names(tmp_path):
    bands = Dimension(name="bands", kind="bands", labels=("tas", "n"), quantities=(Quantity(unit="K"), None))
    cube = Cube(values=series().values, dimensions=(T, PLACES, bands))
    (written,) = save(cube, whole(cube), tmp_path, "Parquet")

    assert {"name": "tas", "type": "float32", "unit": "K"} in written.fields["table:columns"]
    schema = pq.read_schema(tmp_path / written.path)
    assert schema.field("tas").metadata == {b"units": b"K"}
    assert schema.field("n").metadata is None


def test_texts_are_quoted_and_numbers_have_as_many_digits_as_they_need(tmp_path):
    path = path_of(features(), tmp_path, "CSV")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["feature_index", *PROPERTIES.labels]
    assert rows[1] == ["0", 'a,"b"\r\nü', "5", "0.1", "true", '[1,{"x":null}]']
    assert rows[2] == ["1", "", "", "2", "false", "text"]
    tenth = Cube(values=Values(data=np.array([0.1, np.nan, np.inf], dtype=np.float32)), dimensions=(T,))
    assert path_of(tenth, tmp_path, "CSV").read_text().split() == [
        "date,value", "2020-01-01T00:00:00Z,0.1", "2020-01-02T00:00:00Z,", "2020-01-03T00:00:00Z,Infinity",
    ]  # fmt: skip


def test_texts_that_programs_for_tables_would_compute_are_texts(tmp_path):
    cells = [["=1+1", "+41 44", "-5", -5.5], ["@SUM(A1)", "\t=1", "-1e-3", "a=b"], ["-", "-Infinity", "+.5", "'x"]]
    data = np.array(cells, dtype=object)
    places = Dimension(name="geometries", kind="geometry", labels=("POINT (1 2)", "POINT (3 4)", "POINT (5 6)"), crs=4326)
    cube = Cube(values=Values(data=data), dimensions=(places, Dimension(name="properties", labels=("=a", "b", "c", "d"))))
    with path_of(cube, tmp_path, "CSV").open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))

    assert header[-4:] == ["'=a", "b", "c", "d"]
    assert [row[-4:] for row in rows] == [
        ["'=1+1", "'+41 44", "-5", "-5.5"],
        ["'@SUM(A1)", "'\t=1", "-1e-3", "a=b"],
        ["'-", "-Infinity", "+.5", "'x"],
    ]


def test_a_small_raster_is_a_table_of_its_pixels(tmp_path):
    cube = a_cube(dtype="int16", dimensions=(X, T, Y))
    found = pd.read_csv(path_of(cube, tmp_path, "CSV"))
    assert list(found) == ["date", "x", "y", "value"]
    assert found.value.tolist() == cube.values.data.transpose(1, 0, 2).ravel().tolist()
    again = pd.read_parquet(path_of(cube, tmp_path, "Parquet"))
    assert again[["x", "y", "value"]].equals(found[["x", "y", "value"]].astype({"value": "int16"}))


def test_a_table_with_too_many_cells_is_refused(tmp_path):
    long = Dimension(name="n", labels=tuple(range(20_000_001)), is_enumerated=True)
    cube = Cube(values=Values(data=np.zeros(20_000_001, dtype=np.uint8)), dimensions=(long,))
    with pytest.raises(ProcessError, match="20000000 cells at most"):
        save(cube, whole(cube), tmp_path, "CSV")


@FEW
@given(data=st.data())
def test_geopandas_reads_each_cell_of_geoparquet(data, tmp_path_factory):
    cube = data.draw(vectors())
    path = path_of(cube, tmp_path_factory.mktemp("parquet"), "Parquet")
    found, raw = geopandas.read_parquet(path), pq.read_table(path)
    rows = expected_rows(cube)
    places = next(each for each in cube.dimensions if each.kind == "geometry")

    assert found.crs == pyproj.CRS.from_epsg(places.crs)
    assert [each.wkt for each in found.geometry] == [shapely.from_wkt(places.labels[n]).wkt for n in found.feature_index]
    assert len(found) == len(rows)
    times = next((each for each in cube.dimensions if each.kind == "temporal"), None)
    is_time = times is not None and "timestamp" in str(raw.schema.field("date").type)
    assert times is None or is_time == (times.calendar == "standard" and not any("djf" in each for each in times.labels))
    for number, row in enumerate(raw.to_pylist()):
        key = {("feature_index", row["feature_index"])}
        if times is not None:
            key.add(("date", as_label(row["date"], times) if is_time else row["date"]))
        for column, value in rows[frozenset(key)].items():
            assert is_same(row[column], value), number
    values = [name for name in raw.column_names if name not in {"date", "feature_index", "geometry"}]
    expected = {"float32": "float", "float64": "double"}.get(cube.values.data.dtype.name, cube.values.data.dtype.name)
    assert {str(raw.schema.field(name).type) for name in values} == {expected}


def as_label(time, dimension):
    text = f"{time:%Y-%m-%dT%H:%M:%S}".rjust(19, "0")
    return next(each for each in dimension.labels if text.startswith(each[:19].rstrip("Z")))


@pytest.mark.parametrize("compression", ["ZSTD", "SNAPPY", "GZIP", "NONE"])
def test_geoparquet_tells_what_its_specification_wants(tmp_path, compression):
    path = path_of(series(), tmp_path, "Parquet", compression=compression.lower())
    file = pq.ParquetFile(path)
    metadata = {key.decode(): value.decode() for key, value in file.schema_arrow.metadata.items()}
    geo = json.loads(metadata["geo"])

    assert file.metadata.row_group(0).column(0).compression == compression.replace("NONE", "UNCOMPRESSED")
    assert (geo["version"], geo["primary_column"]) == ("1.1.0", "geometry")
    column = geo["columns"]["geometry"]
    assert (column["encoding"], column["geometry_types"]) == ("WKB", ["Point", "Polygon"])
    assert column["bbox"] == [500000.0, 0.0, 501000.0, 1000.0]
    assert pyproj.CRS.from_json_dict(column["crs"]).to_epsg() == 32631
    assert metadata["title"] == FACTS.title
    assert json.loads(metadata["openeo_process_graph"])["load"]["arguments"]["token"] == "removed"


def test_properties_of_features_keep_their_types(tmp_path):
    found = pq.read_table(path_of(features(), tmp_path, "Parquet"))
    assert [str(each.type) for each in found.schema] == ["int64", "string", "int64", "double", "bool", "string", "binary"]
    assert found.to_pylist()[0]["people"] == 5
    assert found.to_pylist()[1] == {
        "feature_index": 1, "name": None, "people": None, "share": 2.0, "is_capital": False, "more": "text",
        "geometry": shapely.from_wkt("POINT (500500 500)").wkb,
    }  # fmt: skip


def test_an_empty_vector_cube_is_an_empty_file_of_the_same_columns(tmp_path):
    places = Dimension(name="geometries", kind="geometry", labels=(), crs=4326)
    cube = Cube(values=Values(data=np.zeros((0, 2))), dimensions=(places, BANDS))
    assert list(geopandas.read_parquet(path_of(cube, tmp_path, "Parquet"))) == ["feature_index", "B04", "date", "geometry"]
    assert json.loads(path_of(cube, tmp_path, "GeoJSON").read_text()) == {"type": "FeatureCollection", "features": []}
    assert path_of(cube, tmp_path, "CSV").read_text() == "feature_index,B04,date\n"


@FEW
@given(data=st.data())
def test_json_and_ogr_read_each_cell_of_geojson(data, tmp_path_factory):
    cube = data.draw(vectors(types=("int16", "float32", "float64", "bool"), crs=(4326,)))
    path = path_of(cube, tmp_path_factory.mktemp("geojson"), "GeoJSON")
    document = json.loads(path.read_text(), parse_constant=refuse)
    rows = expected_rows(cube)
    places = next(each for each in cube.dimensions if each.kind == "geometry")
    has_more = any(each.kind == "temporal" for each in cube.dimensions)
    indices = []
    for number, feature in enumerate(document["features"]):
        properties = dict(feature["properties"])
        index = properties.pop("feature_index") if has_more else number
        indices.append(index)
        key = {("feature_index", index), *([("date", properties.pop("date"))] if has_more else [])}
        for column, value in rows[frozenset(key)].items():
            finite = None if isinstance(value, float) and not np.isfinite(value) else value
            assert cube.values.data.dtype.type(properties[column] or 0) == cube.values.data.dtype.type(finite or 0)
            assert (properties[column] is None) == (finite is None)
    found = pyogrio.read_dataframe(path, datetime_as_string=True)
    assert [shapely.normalize(each) for each in found.geometry] == [
        shapely.normalize(shapely.from_wkt(places.labels[index])) for index in indices
    ]


def refuse(word):
    raise AssertionError(f"{word} is no JSON")


def test_geojson_is_in_wgs84_with_rings_to_the_left(tmp_path):
    document = json.loads(path_of(features(), tmp_path, "GeoJSON", coordinate_precision=5).read_text())
    ring = document["features"][0]["geometry"]["coordinates"][0]
    way = pyproj.Transformer.from_crs(32631, 4326, always_xy=True)
    assert shapely.LinearRing(ring).is_ccw
    assert {tuple(each) for each in ring} == {
        tuple(round(each, 5) for each in way.transform(x, y)) for x in (500000, 501000) for y in (0, 1000)
    }
    assert document["features"][0]["properties"]["more"] == [1, {"x": None}]
    assert "crs" not in document


@pytest.mark.parametrize(
    ("label", "crs", "parts"),
    [
        ("POLYGON ((170 0, 190 0, 190 10, 170 10, 170 0))", 4326, [(-180, 0, -170, 10), (170, 0, 180, 10)]),
        ("POLYGON ((350 0, 370 0, 370 10, 350 10, 350 0))", 4326, [(-10, 0, 10, 10)]),
        ("POLYGON ((-180 -90, 180 -90, 180 -80, 0 -65, -180 -80, -180 -90))", 4326, [(-180, -90, 180, -65)]),
        ("POLYGON ((-190 0, -181 0, -181 1, -190 1, -190 0))", 4326, [(170, 0, 179, 1)]),
        ("POINT (200 5)", 4326, [(-160, 5, -160, 5)]),
        ("LINESTRING (179 0, 181 0)", 4326, [(-180, 0, -179, 0), (179, 0, 180, 0)]),
        ("POLYGON ((200000 6000000, 400000 6000000, 400000 6100000, 200000 6100000, 200000 6000000))", 32601, None),
    ],
)
def test_geometries_are_cut_at_the_antimeridian(tmp_path, label, crs, parts):
    places = Dimension(name="geometries", kind="geometry", labels=(label,), crs=crs)
    cube = Cube(values=Values(data=np.zeros(1)), dimensions=(places,))
    (feature,) = json.loads(path_of(cube, tmp_path, "GeoJSON").read_text())["features"]
    shape = shapely.from_geojson(json.dumps(feature["geometry"]))
    found = sorted(each.bounds for each in shapely.get_parts(shape))
    if parts is not None:
        assert found == parts
        return
    assert len(found) == 2, "zone 1 begins at the antimeridian"
    assert found[0][0] == -180
    assert found[1][2] == 180
    assert sum(each.area for each in shapely.get_parts(shape)) < 5


def test_geometries_that_are_none_are_told(tmp_path):
    for label, message in (("POINT (", "no geometry"), ("nothing", "no geometry")):
        places = Dimension(name="geometries", kind="geometry", labels=(label,), crs=4326)
        cube = Cube(values=Values(data=np.zeros(1)), dimensions=(places,))
        for named in ("GeoJSON", "Parquet"):
            with pytest.raises(ProcessError, match=message):
                save(cube, whole(cube), tmp_path, named)
    away = Dimension(name="geometries", kind="geometry", labels=("POINT (1e30 1e30)",), crs=32631)
    cube = Cube(values=Values(data=np.zeros(1)), dimensions=(away,))
    with pytest.raises(ProcessError, match="no place in WGS 84"):
        save(cube, whole(cube), tmp_path, "GeoJSON")
    ring = shapely.Point(0, 0).buffer(1e6).segmentize(1e5)
    around = Dimension(name="geometries", kind="geometry", labels=(ring.wkt,), crs=3031)
    cube = Cube(values=Values(data=np.zeros(1)), dimensions=(around,))
    with pytest.raises(ProcessError, match="reaches around a pole"):
        save(cube, whole(cube), tmp_path, "GeoJSON")
    empty = Dimension(name="geometries", kind="geometry", labels=("POLYGON EMPTY",), crs=32631)
    cube = Cube(values=Values(data=np.zeros(1)), dimensions=(empty,))
    assert json.loads(path_of(cube, tmp_path, "GeoJSON").read_text())["features"][0]["geometry"] is None


@FEW
@given(data=st.data())
def test_json_is_a_cube_again(data, tmp_path_factory):
    cube = data.draw(vectors(types=("int16", "float64", "bool")))
    document = json.loads(path_of(cube, tmp_path_factory.mktemp("json"), "JSON").read_text())
    assert json.dumps(document) == json.dumps(write_cube(cube))
    if cube.values.where().any():
        assert np.array_equal(
            read_cube(document).values.where() | np.isnan(cube.values.data), cube.values.where() | np.isnan(cube.values.data)
        )
