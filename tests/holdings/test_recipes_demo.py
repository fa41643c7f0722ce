"""The recipes of the demonstration fit the files that it takes from packages."""

import shutil

import pytest

from shared_intake import take_in
from twinlake.cli.demo.sources import list_sources
from twinlake.core.errors import NotFoundError

_SOURCES = {source.collection: source for source in list_sources()}


def _take_in(tmp_path, collection):
    source = _SOURCES[collection]
    made, folder = tmp_path / "made", tmp_path / collection
    made.mkdir()
    folder.mkdir()
    try:
        found = source.find(made)
    except NotFoundError as error:
        pytest.skip(f"{error.message} {error.remedy}")
    for path in found:
        shutil.copy(path, folder / path.name)
    intake = take_in(folder, source.recipe)
    assert intake.refused == {}
    assert intake.collections[0]["title"]
    return intake


def test_climate_projections(tmp_path):
    intake = _take_in(tmp_path, "climate-projections")

    assert [item["properties"]["title"][-3:].strip() for item in intake.items] == ["A1B", "E1"]
    assert all(built.thumbnail for built in intake.built)


def test_sea_surface_temperature(tmp_path):
    (item,) = _take_in(tmp_path, "sea-surface-temperature").items

    assert item["bbox"][0::2] == [-180, 180]


def test_ocean_model(tmp_path):
    intake = _take_in(tmp_path, "ocean-model")

    assert [item["properties"]["start_datetime"][:7] for item in intake.items] == ["2015-01", "2015-02", "2015-03"]
    assert all(built.thumbnail for built in intake.built)


def test_sentinel_2(tmp_path):
    (item,) = _take_in(tmp_path, "sentinel-2").items

    assert set(item["assets"]) == {"blue", "green", "red", "nir", "visual", "thumbnail"}
    assert item["properties"]["proj:code"] == "EPSG:32719"
    assert item["bbox"] == pytest.approx([-67.66, -47.86, -67.62, -47.84], abs=0.01)


def test_natural_earth(tmp_path):
    (item,) = _take_in(tmp_path, "natural-earth").items

    assert [item["assets"][key]["table:row_count"] for key in ("data", "table")] == [177, 177]
    assert "thumbnail" in item["assets"]


def test_emissions(tmp_path):
    assert len(_take_in(tmp_path, "ssp-emissions").items) == 3


def test_a_column_per_year_says_when(tmp_path):
    header = "Model,Scenario,Region,Variable,Unit,Mip_Era,Activity_Id," + ",".join(str(year) for year in range(1750, 2501))
    row = "AIM/CGE,ssp370,World,Emissions|BC,Mt BC/yr,CMIP6,not_applicable," + ",".join(["1.5"] * 751)
    (tmp_path / "rcmip-emissions-annual-means-5-1-0-ssp-only.csv").write_text(f"{header}\n{row}\n")

    (item,) = take_in(tmp_path, _SOURCES["ssp-emissions"].recipe).items

    assert item["geometry"] is None
    assert "bbox" not in item
    assert (item["properties"]["start_datetime"][:4], item["properties"]["end_datetime"][:4]) == ("1750", "2500")
    assert item["properties"]["title"] == "SSP scenarios: emissions"


def test_weather_model(tmp_path):
    intake = _take_in(tmp_path, "weather-model")

    assert [item["properties"]["datetime"][:4] for item in intake.items] == ["2009", "2006"]


def test_brightness_temperature(tmp_path):
    (item,) = _take_in(tmp_path, "msg-brightness-temperature").items

    assert item["properties"]["datetime"][:10] == "2016-05-16"
