"""The real data: every file is taken in, or refused with a reason and a remedy, and what is said of it is true."""

import csv
import json
from datetime import UTC, datetime, timedelta

import pytest

from shared_intake import TITLE, take_in
from stac_schemas import SchemaCheck
from twinlake.holdings.readers.times import parse_time

pytestmark = pytest.mark.slow  # reads some hundred files

_FOREIGN = {"goes-stac-cog", "landcover", "sentinel2-stac-cog", "sst-stac-cog", "stac-items"}
"""Kinds whose documents are STAC already; they are migrated later."""


@pytest.fixture(scope="module")
def intakes(shared):
    return {folder.name: take_in(folder) for folder in sorted((shared / "data").iterdir()) if folder.is_dir()}


@pytest.fixture(scope="module")
def manifest(shared):
    with (shared / "data/MANIFEST.csv").open() as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def test_every_file_is_accounted_for(intakes, manifest):
    print(TITLE, *(each.line for each in intakes.values()), sep="\n")  # noqa: T201  # the table, shown by pytest -s

    assert sum(each.files for each in intakes.values()) == len(manifest)
    for each in intakes.values():
        assert each.files == len(each.taken | set(each.refused))
        assert not each.taken & set(each.refused)
    refused = {f"{kind}/{name}" for kind, each in intakes.items() for name in each.refused}
    assert refused == {name for name in manifest if name.lower().endswith(_NOT_TAKEN)}


_NOT_TAKEN = (".grib", ".grib2", ".bufr", ".jp2", ".shp", ".shx", ".dbf", ".prj", ".cpg")


def test_refusals_say_why_and_what_to_do(intakes):
    for each in intakes.values():
        for refusal in each.refused.values():
            assert refusal.reason
            assert refusal.remedy


def test_documents_are_valid_stac(intakes, shared):
    check = SchemaCheck(shared / "contracts" / "schemas")
    problems = [
        f"{kind}/{document['id']}: {problem}"
        for kind, each in intakes.items()
        if kind not in _FOREIGN
        for document in (*each.items, *each.collections)
        for problem in check.problems(document)
    ]

    assert problems == []


def test_every_grid_has_a_thumbnail(intakes):
    for each in intakes.values():
        for built in each.built:
            properties = built.draft.document["properties"]
            axes = {part.get("axis") for part in properties.get("cube:dimensions", {}).values()}
            if {"x", "y"} <= axes or "proj:transform" in properties:
                assert built.thumbnail, built.draft.document["id"]


def _boxes_overlap(box, other):
    return box[1] <= other[3] and other[1] <= box[3] and (box[0] > box[2] or (box[0] <= other[2] and other[0] <= box[2]))


def test_places_agree_with_the_manifest(intakes, manifest):
    compared = 0
    for kind, each in intakes.items():
        for built in each.built:
            for file in built.files.values():
                row = manifest[f"{kind}/{file.name}"]
                if not row["bbox_wgs84"].startswith("["):
                    continue
                west, south, east, north = json.loads(row["bbox_wgs84"])
                if west >= 180:
                    west, east = west - 360, east - 360
                bbox = built.draft.document["bbox"]
                assert _boxes_overlap(bbox, (west, south, min(east, 180), north)), file.name
                assert bbox[1] == pytest.approx(south, abs=2.0), file.name
                assert bbox[3] == pytest.approx(north, abs=2.0), file.name
                compared += 1
    assert compared > 240


def test_times_agree_with_the_manifest(intakes, manifest):
    compared = 0
    for kind, each in intakes.items():
        for built in each.built:
            properties = built.draft.document["properties"]
            start = parse_time(properties.get("start_datetime") or properties["datetime"]).start
            end = parse_time(properties.get("end_datetime") or properties["datetime"]).end
            for file in built.files.values():
                stated = [_instant(text) for text in manifest[f"{kind}/{file.name}"]["time_range"].split("/")]
                if len(stated) == 2 and all(stated) and kind != "eraint-netcdf":
                    assert start <= stated[0] + _SECOND, file.name
                    assert stated[1] <= end + _SECOND, file.name
                    compared += 1
    assert compared > 20


_SECOND = timedelta(seconds=1)


def _instant(text: str) -> datetime | None:
    found = parse_time(text)
    return found.start if found and found.start > datetime(1000, 1, 1, tzinfo=UTC) else None


def test_stac_items_keep_their_assets(intakes):
    (worldcover,) = intakes["landcover"].built
    assert set(worldcover.files) == {"map"}
    assert any("input_quality" in note for note in worldcover.notes)
    assert len(intakes["stac-items"].items) == 100
    assert all(asset["href"].startswith("https://") for item in intakes["stac-items"].items for asset in item["assets"].values())
