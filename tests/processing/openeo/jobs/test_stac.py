"""Results in STAC, as a Collection and as an Item: they are valid, and name the extensions that they speak and no others."""

import json
from datetime import timedelta

import pytest

from processing.openeo.formats.drawn import save, whole
from processing.openeo.rasters import T, X, Y, a_cube
from stac_schemas import SchemaCheck
from twinlake.engines.objectstore import StoredObject
from twinlake.engines.web.signed_urls import UrlSigner
from twinlake.processing.openeo.jobs.models import Asset, BatchJob, SeenJob
from twinlake.processing.openeo.jobs.signing import ResultSigner
from twinlake.processing.openeo.jobs.stac import write_collection, write_item
from twinlake.processing.openeo.runner.executing import describe_written
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.testing.clock import HandClock

BANDS = Dimension(name="bands", kind="bands", labels=("B04", "8A"), common_names=("red", "nir08"))
PLACES = Dimension(name="geometries", kind="geometry", labels=("POINT (1 2)", "POINT (2 2)"), crs=4326)
SEEN = SeenJob(
    batch=BatchJob(
        id="job",
        owner="a|b",
        document={},
        revision=0,
        request=None,
        run="run",
        stored_bytes=0,
        has_results=True,
        tiles=None,
        created_at=0,
        updated_at=0,
    ),
    work=None,
)
PROCESS = {"process_graph": {"proj:n": {"process_id": "cube:x", "arguments": {}, "result": True}}}


@pytest.mark.parametrize("write", [write_collection, write_item])
@pytest.mark.parametrize(
    ("named", "dimensions", "spoken"),
    [
        ("COG", (BANDS, Y, X), {"eo", "proj", "raster"}),
        ("COG", (Y, X), {"proj", "raster"}),
        ("Zarr", (T, BANDS, Y, X), {"cube", "eo", "proj", "raster"}),
        ("netCDF", (T, Y, X), {"cube", "proj", "raster"}),
        ("Parquet", (PLACES, T), {"table", "proj"}),
        ("CSV", (PLACES, T), {"table"}),
        ("JSON", (T,), set()),
        (None, (), set()),
    ],
)
def test_results_are_valid_and_name_what_they_speak(write, named, dimensions, spoken, tmp_path, shared):
    clock = HandClock()
    signer = ResultSigner(
        signer=UrlSigner(key=b"k" * 32, clock=clock, longest=timedelta(1)),
        clock=clock,
        origin="https://lake.example",
        path="/openeo/1.2",
        lifetime=timedelta(1),
    )
    cube = a_cube(dimensions=dimensions)
    files = describe_written(save(cube, whole(cube), tmp_path, named), tmp_path) if named else []
    stored = {"": StoredObject("0" * 64, 9)}
    assets = [Asset(name=each.path.name, document=json.loads(json.dumps(each.describe())), files=stored) for each in files]

    document = write(SEEN, assets, process=PROCESS, lineage=[{"id": "a"}], signer=signer, until=signer.expiry())

    uris = document["stac_extensions"]
    assert len(uris) == len(set(uris))
    speaks = {"datacube": "cube", "projection": "proj"}
    names = {speaks.get(name, name) for name in (uri.split("/")[3] for uri in uris)}
    assert names == spoken | {"processing"} | ({"file"} if assets else set())
    # What has no time is no Item that STAC would take; openEO wants one nevertheless (`datetime` may be null).
    if write is write_collection or "start_datetime" in document["properties"]:
        written = json.loads(json.dumps(document | ({} if write is write_collection else {"collection": "c"})))
        assert SchemaCheck(shared / "contracts" / "schemas").problems(written) == []
