"""Items built from files: valid STAC, complete, and the same every time."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
import stac_geoparquet.arrow

from made_up import stac_item, write_curvilinear, write_geotiff, write_json, write_netcdf, write_zarr
from stac_schemas import SchemaCheck
from twinlake.holdings.readers.errors import RecipeNeededError, UnreadableFileError
from twinlake.holdings.recipes import CollectionPlan, DocumentsPlan, Refusal, collection_document, parse_recipe, plan
from twinlake.holdings.recipes.items import build_item, read_collection, read_items
from twinlake.holdings.recipes.survey import survey


def _survey(folder: Path):
    return survey({path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()})


def _build(folder: Path, text: str | None = None):
    recipe = parse_recipe(text)
    return [build_item(each, collection="c", recipe=recipe) for each in plan(_survey(folder), recipe)]


def test_a_file_that_says_everything_needs_no_recipe(tmp_path):
    write_netcdf(tmp_path / "cube.nc")

    (built,) = _build(tmp_path)

    document = built.draft.document
    assert (document["id"], document["collection"], document["stac_version"]) == ("cube", "c", "1.1.0")
    assert document["properties"]["start_datetime"] == "2020-01-01T00:00:00Z"
    assert document["properties"]["cube:dimensions"]["lat"]["axis"] == "y"
    assert document["assets"]["data"]["href"] == "./cube.nc"
    assert document["assets"]["thumbnail"]["type"] == "image/webp"
    assert built.thumbnail
    assert built.files["data"].name == "cube.nc"


def test_building_again_makes_the_same_document(tmp_path):
    write_curvilinear(tmp_path / "a.nc")

    assert _build(tmp_path)[0].draft == _build(tmp_path)[0].draft


def test_without_a_time_the_refusal_names_the_line(tmp_path):
    write_geotiff(tmp_path / "a.tif")
    with pytest.raises(RecipeNeededError) as raised:
        _build(tmp_path)
    line = raised.value.remedy.split("`")[1]

    (built,) = _build(tmp_path, line)

    assert line == 'datetime = "2020-01-01T00:00:00Z"'
    assert "--recipe recipe.toml" in raised.value.remedy
    assert built.draft.document["properties"]["datetime"] == "2020-01-01T00:00:00Z"


def test_bands_of_one_scene(tmp_path):
    for name in ("B02", "B03", "B04"):
        write_geotiff(tmp_path / f"s_{name}.tif")
    write_geotiff(
        tmp_path / "s_B11.tif", shape=(30, 40), transform=__import__("rasterio").transform.from_origin(500_000, 5_000_000, 20, 20)
    )
    text = "datetime = '2020'\n[[rules]]\nfiles = '(?P<item>s)_(?P<asset>B\\d\\d)\\.tif'\n" + "".join(
        f'[assets.{key}]\ntitle = "{name}"\nbands = [{{ "eo:common_name" = "{name}" }}]\n'
        for key, name in (("B02", "blue"), ("B03", "green"), ("B04", "red"))
    )

    (built,) = _build(tmp_path, text)

    document = built.draft.document
    assert document["properties"]["proj:code"] == "EPSG:32633"
    assert "proj:shape" not in document["properties"]
    assert document["assets"]["B11"]["proj:shape"] == [30, 40]
    assert document["assets"]["B04"]["bands"][0]["name"] == "B04"
    assert document["assets"]["B04"]["title"] == "red"
    assert document["geometry"]["type"] == "Polygon"
    assert "https://stac-extensions.github.io/eo/v2.0.0/schema.json" in document["stac_extensions"]
    assert built.thumbnail


def test_a_zarr_store_is_one_asset_with_a_manifest(tmp_path):
    write_zarr(tmp_path / "cube.zarr", version=3)

    (built,) = _build(tmp_path)

    assert built.draft.document["assets"]["data"]["type"] == "application/vnd.zarr; version=3"
    assert built.files["data"].name == "cube.zarr"
    assert tuple(f"cube.zarr/{each['path']}" for each in built.members["data"]) == built.files["data"].members


def test_a_zarr_store_that_is_not_whole(tmp_path):
    write_zarr(tmp_path / "cube.zarr", version=2)
    files = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*") if path.is_file()}
    del files["cube.zarr/field/.zattrs"]
    (planned,) = plan(survey(files), parse_recipe(None))

    with pytest.raises(UnreadableFileError, match="not those that were sent"):
        build_item(planned, collection="c", recipe=parse_recipe(None))


def test_stac_item_beside_its_file(tmp_path):
    write_geotiff(tmp_path / "a.tif")
    assets = {
        "data": {"href": "a.tif", "roles": ["data"]},
        "far": {"href": "https://elsewhere.example/x"},
        "gone": {"href": "gone.tif"},
    }
    path = write_json(tmp_path / "a.json", stac_item(assets=assets, stac_version="1.0.0"))

    (built,) = _build(tmp_path)

    document = built.draft.document
    assert set(document["assets"]) == {"data", "far", "thumbnail"}
    assert document["assets"]["data"]["file:size"] == (tmp_path / "a.tif").stat().st_size
    assert [link["rel"] for link in document["links"]] == ["license"]
    assert built.draft.original == path.read_bytes()
    assert built.notes == ("Asset 'gone' is left out: gone.tif is not among the files.",)


def test_what_a_document_says_of_all_bands_is_not_hidden_by_what_their_file_says(tmp_path):
    write_geotiff(tmp_path / "a.tif", nodata=7)
    asset = {"href": "a.tif", "description": "of a thing", "nodata": 0}
    write_json(tmp_path / "a.json", stac_item(assets={"data": {**asset, "raster:bands": [{"unit": "K", "scale": 0.5}]}}))

    (built,) = _build(tmp_path)

    found = built.draft.document["assets"]["data"]
    assert found["nodata"] == 0
    (band,) = found["bands"]
    assert "nodata" not in band
    assert (band["data_type"], band["unit"], band["raster:scale"]) == ("uint16", "K", 0.5)


def test_stac_item_whose_file_is_damaged(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\x00damaged")
    write_json(tmp_path / "a.json", stac_item(assets={"data": {"href": "a.tif"}}))

    with pytest.raises(UnreadableFileError, match=r"a\.tif"):
        _build(tmp_path)


def test_many_items_in_one_file(tmp_path):
    items = [stac_item("a"), stac_item("b", assets={"x": {"href": "relative.tif"}}), stac_item("bad/id")]
    lines, feature_collection, table = tmp_path / "lines", tmp_path / "fc", tmp_path / "table"
    lines.write_text("\n".join(map(json.dumps, items)))
    write_json(feature_collection, {"type": "FeatureCollection", "features": items})
    stac_geoparquet.arrow.to_parquet(pa.RecordBatchReader.from_batches(*_batches(items)), table)

    for each in plan(_survey(tmp_path), parse_recipe(None)):
        assert isinstance(each, DocumentsPlan)
        first, second, third = read_items(each, collection="c")
        document = json.loads(first.text)
        assert (document["id"], document["collection"]) == ("a", "c")
        assert document["assets"] == items[0]["assets"]
        assert json.loads(second.text)["assets"] == {}
        assert json.loads(second.original)["assets"]
        assert isinstance(third, Refusal)
        assert third.name.endswith("#3")


def _batches(items):
    reader = stac_geoparquet.arrow.parse_stac_items_to_arrow(items)
    return reader.schema, list(reader)


def test_collection_document(tmp_path):
    recipe = parse_recipe(
        '[collection]\ntitle = "T"\nlicense = "CC-BY-4.0"\n[[collection.providers]]\nname = "P"\nroles = ["host"]'
    )
    items = [stac_item(bbox=[170, -10, -170, 10]), stac_item(bbox=[175, 0, -175, 20])]
    items[1]["properties"] = {"datetime": None, "start_datetime": "2019-01-01T00:00:00Z", "end_datetime": "2021-01-01T00:00:00Z"}
    given = {"type": "Collection", "id": "other", "description": "D", "license": "other", "links": []}

    document = collection_document("c", recipe, items, given=given)

    assert (document["id"], document["title"], document["description"], document["license"]) == ("c", "T", "D", "CC-BY-4.0")
    assert document["extent"]["spatial"]["bbox"] == [[170, -10, -170, 20]]
    assert document["extent"]["temporal"]["interval"] == [["2019-01-01T00:00:00Z", "2021-01-01T00:00:00Z"]]
    assert document["providers"] == [{"name": "P", "roles": ["host"]}]


def test_stac_collection_in_the_files(tmp_path):
    write_json(tmp_path / "collection.json", {"type": "Collection", "stac_version": "1.0.0", "id": "x"})
    (found,) = plan(_survey(tmp_path), parse_recipe(None))

    assert isinstance(found, CollectionPlan)
    assert read_collection(found)["id"] == "x"


def test_a_stac_document_forced_to_be_data(tmp_path):
    write_json(tmp_path / "items.json", {"type": "FeatureCollection", "features": [stac_item()]})

    (built,) = _build(tmp_path, 'reader = "geojson"\ndatetime = "2020"')

    assert built.draft.document["properties"]["table:row_count"] == 1


def test_documents_are_valid_stac(tmp_path, shared):
    write_netcdf(tmp_path / "a.nc")
    write_curvilinear(tmp_path / "b.nc")
    write_zarr(tmp_path / "c.zarr", version=2)
    (tmp_path / "d.csv").write_text("year,lon,lat\n1999,1,2\n")
    check = SchemaCheck(shared / "contracts" / "schemas")

    items = [each.draft.document for each in _build(tmp_path)]

    assert [problem for item in items for problem in check.problems(item)] == []
    assert check.problems(collection_document("c", parse_recipe(None), items)) == []
