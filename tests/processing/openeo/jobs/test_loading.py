"""What results of jobs are to graphs that load them: Zarr restores a cube exactly, others are read as they are."""

import asyncio
import json
from dataclasses import replace
from itertools import count
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processing.openeo.formats.drawn import assert_identical, cuts, rasters, save, vectors, whole
from processing.openeo.rasters import a_cube
from twinlake.core.errors import TwinlakeError
from twinlake.engines.database import MemoryDatabase
from twinlake.engines.network import DestinationGuard, GuardedClient
from twinlake.engines.objectstore import MemoryObjectStore
from twinlake.identity.principals import Caller, Principal
from twinlake.jobs.requests import NewJob
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.jobs.models import Draft
from twinlake.processing.openeo.jobs.results import put_asset
from twinlake.processing.openeo.loading.pins import read_pinned, tell_apart, write_pinned
from twinlake.processing.openeo.loading.reading.opening import open_pinned
from twinlake.processing.openeo.loading.requests import LoadRequest
from twinlake.processing.openeo.loading.resolving.elsewhere import Elsewhere
from twinlake.processing.openeo.loading.resolving.urls import UrlLoader
from twinlake.processing.openeo.runner.executing import ResultFile
from twinlake.processing.openeo.schema import MIGRATIONS
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import OpenEoError
from twinlake.testing.clock import HandClock
from twinlake.testing.stac_site import running_stac_site

API = "/openeo/1.2"
EXAMPLES = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
ADA, BOB = Principal("urn:a", "ada"), Principal("urn:a", "bob")
NUMBERS = count()


class Results:
    """A site, results that jobs have made there, and loads of them."""

    def __init__(self, site, folder):
        self.site = site
        self.folder = folder
        self.ends = {}

    def make(self, *made, end=True):
        """Have a job of Ada's make files; return its id."""
        return self.site.run(self._make(made, end=end))

    async def _make(self, made, *, end):
        services = self.site.services
        store, lease = services.batch_jobs.store, f"lease-{next(NUMBERS)}"
        kind = services.jobs._kinds["openeo"]
        job = await store.create(str(ADA), Draft(process=b'{"process_graph": {}}', document={}))
        seen = await store.get(None, job)
        new = NewJob(owner=str(ADA), kind="openeo", spec={}, api="openeo")
        run = (await services.journal.submit(new, kind, noted=lambda tx, work, _: store.note_start(tx, seen, work))).run
        await services.run_journal.claim(kind, lease)
        for folder, written in made:
            path = folder / written.path
            within = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
            files = {
                "" if each == path else each.relative_to(path).as_posix(): await services.objects.put_bytes(each.read_bytes())
                for each in within
            }
            interval = None if written.start is None else (written.start, written.end)
            described = ResultFile(
                path=path, media_type=written.media_type, title="T", interval=interval, members=written.fields
            ).describe()
            document = json.loads(json.dumps(described))
            await services.database.write(
                lambda tx, path=path, files=files, document=document: put_asset(tx, run, path.name, document, files)
            )
        self.ends[job] = (run, lease)
        if end:
            await self._end(job)
        return job

    def end(self, job):
        self.site.run(self._end(job))

    async def _end(self, job):
        await self.site.services.run_journal.succeed(*self.ends[job], {})

    def address(self, job, query=""):
        return f"{self.site.public_url}{API}/jobs/{job}/results{query}"

    def sign(self, job):
        signer = self.site.services.result_signer
        return signer.sign_metadata(job, signer.expiry())

    def pin(self, url, caller=ADA, **wanted):
        request = LoadRequest(node="load", process="load_stac", source=url, **wanted)
        found = self.site.run(self.site.services.processing.inputs.pin([request], Caller(principal=caller)))
        return read_pinned(json.loads(json.dumps(write_pinned(found))))

    def load(self, url, caller=ADA, **wanted):
        """Return the source, as a child opens it, and the whole cube."""
        pinned = self.pin(url, caller, **wanted)
        folder = self.folder / str(next(NUMBERS))
        folder.mkdir()
        files = self.site.run(self.site.services.processing.inputs.lay_out(pinned, folder))
        with open_pinned(pinned["load"], {key: Path(path) for key, path in files.items()}) as source:
            return source.hollow, source.read({})


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    with running_stac_site(folder / "site") as site:
        yield Results(site, folder)


def refused(results, url, caller=ADA, **wanted):
    with pytest.raises(TwinlakeError) as raised:
        results.load(url, caller, **wanted)
    return getattr(raised.value, "reason", raised.value.code)


@EXAMPLES
@given(data=st.data())
def test_what_was_saved_as_zarr_is_loaded_exactly(data, results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    cube = data.draw(st.one_of(rasters(more=True), vectors()))
    (written,) = save(cube, data.draw(cuts(cube)), folder, "Zarr")
    job = results.make((folder, written))

    for url in (results.address(job), results.sign(job)):
        hollow, found = results.load(url)
        assert_identical(found, cube)
        assert [repr(each) for each in hollow.dimensions] == [repr(each) for each in cube.dimensions]
        assert hollow.values.data.dtype == cube.values.data.dtype


def test_texts_and_mixed_objects_are_loaded_exactly(results, tmp_path):
    data = np.empty((2, 2), dtype=object)
    data[0, 0], data[0, 1], data[1, 0] = "ü", [1, {"a": None}], True
    dimensions = (
        Dimension(name="geometries", kind="geometry", labels=("POINT (1 2)", "POINT (1 2)"), crs=4326),
        Dimension(name="properties", labels=("a", "b")),
    )
    cube = Cube(values=Values(data=data, valid=np.array([[True, True], [True, False]])), dimensions=dimensions)
    (written,) = save(cube, whole(cube), tmp_path, "Zarr")
    _, found = results.load(results.address(results.make((tmp_path, written))))

    assert found.dimensions == cube.dimensions
    assert found.values.where().tolist() == [[True, True], [True, False]]
    assert found.values.data[found.values.where()].tolist() == ["ü", [1, {"a": None}], True]


def a_store(folder, cube=None):
    cube = a_cube() if cube is None else cube
    (written,) = save(cube, whole(cube), folder, "Zarr")
    return folder, written


def test_a_reference_counts_by_what_is_behind_it(results, tmp_path):
    first, second = (results.make(a_store(tmp_path / name)) for name in "ab")
    other = results.make(
        a_store(tmp_path / "c", Cube(values=Values(data=a_cube().values.data + 1), dimensions=a_cube().dimensions))
    )
    told = [tell_apart(results.pin(url)) for url in map(results.address, (first, second, other))]

    assert told[0] == told[1] == tell_apart(results.pin(results.sign(first)))
    assert told[0] != told[2]
    assert first not in json.dumps(told[0])
    assert tell_apart(results.pin(results.address(first), bands=("a",))) != told[0]


def test_part_of_a_result_is_loaded(results, tmp_path):
    y = Dimension(name="lat", kind="spatial", axis="y", labels=(52.5, 51.5, 50.5), crs=4326)
    x = Dimension(name="lon", kind="spatial", axis="x", labels=(1.5, 2.5, 3.5, 4.5), crs=4326)
    t = Dimension(
        name="when",
        kind="temporal",
        labels=("2020-01", "2020-02"),
        intervals=(("2020-01-01", "2020-02-01"), ("2020-02-01", "2020-03-01")),
        calendar="360_day",
    )
    bands = Dimension(name="b", kind="bands", labels=("B1", "B2", "B3"), common_names=(None, "red", None))
    data = np.arange(72, dtype=np.float32).reshape(3, 4, 3, 2)
    cube = Cube(values=Values(data=data, nan_is_nodata=True), dimensions=(y, x, bands, t))
    url = results.address(results.make(a_store(tmp_path, cube)))

    box = {"west": 2, "south": 51, "east": 4, "north": 53}
    hollow, found = results.load(url, spatial_extent=box, bands=("B3", "red"), temporal_extent=("2020-02-01", None))
    assert [len(each.labels) for each in hollow.dimensions] == [2, 2, 2, 1]
    assert hollow.values.data.shape == (0, 0, 2, 1)
    assert found.dimensions[2].labels == ("B3", "B2")
    assert np.array_equal(found.values.data, data[:2, 1:3][:, :, [2, 1]][..., 1:])

    triangle = {"type": "Polygon", "coordinates": [[[1, 50], [4, 50], [1, 53], [1, 50]]]}
    _, found = results.load(url, spatial_extent=triangle, bands=("B1",))
    inside = ~np.isnan(found.values.data[:, :, 0, 0])
    assert inside.tolist() == [[True, False, False], [True, True, False], [True, True, True]]
    assert np.array_equal(found.values.data[inside], data[:, :3, :1][inside])

    assert refused(results, url, bands=("B9",)) == "ProcessParameterInvalid"
    assert refused(results, url, temporal_extent=("2021-01-01", None)) == "NoDataAvailable"
    assert refused(results, url, spatial_extent={"west": 9, "south": 9, "east": 10, "north": 10}) == "NoDataAvailable"
    assert refused(results, url, filter={"op": "=", "args": [{"property": "a"}, 1]}) == "PropertiesUnsupported"


def test_images_are_loaded_with_their_times(results, tmp_path):
    cube = a_cube()
    made = [(tmp_path, each) for each in save(cube, whole(cube), tmp_path, "GTiff")]
    _, found = results.load(results.address(results.make(*made)))

    assert [each.name for each in found.dimensions] == ["t", "bands", "y", "x"]
    assert found.dimensions[1].labels == ("B1",)
    assert found.dimensions[0].labels == cube.dimensions[0].labels
    assert [each.labels for each in found.dimensions[2:]] == [each.labels for each in cube.dimensions[1:]]
    assert np.array_equal(found.values.data[:, 0], cube.values.data, equal_nan=True)


def test_images_of_times_with_bounds_have_both_again(results, tmp_path):
    bounds = (("2020-01-01T00:00:00Z", "2020-02-01T00:00:00Z"), ("2020-02-01T00:00:00Z", "2020-03-01T00:00:00Z"))
    t = msgspec.structs.replace(a_cube().dimensions[0], labels=("2020-01-16T12:00:00Z", "2020-02-15T12:00:00Z"), intervals=bounds)
    cube = Cube(values=Values(data=a_cube().values.data[:2]), dimensions=(t, *a_cube().dimensions[1:]))
    made = [(tmp_path, each) for each in save(cube, whole(cube), tmp_path, "GTiff")]
    _, found = results.load(results.address(results.make(*made)))

    assert (found.dimensions[0].labels, found.dimensions[0].intervals) == (t.labels, bounds)


@pytest.mark.parametrize("has_time", [True, False])
def test_netcdf_is_loaded_with_its_labels(results, tmp_path, has_time):
    t = Dimension(
        name="t",
        kind="temporal",
        labels=("2020-02-16T00:00:00Z", "2020-03-16T00:00:00Z"),
        intervals=(
            ("2020-02-01T00:00:00Z", "2020-03-01T00:00:00Z"),
            ("2020-03-01T00:00:00Z", "2020-04-01T00:00:00Z"),
        ),
        calendar="360_day",
    )
    bands = Dimension(name="bands", kind="bands", labels=("B04", "B08"))
    y, x = a_cube().dimensions[1:]
    dimensions = (t, bands, y, x) if has_time else (bands, y, x)
    shape = tuple(len(each.labels) for each in dimensions)
    data = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    data[..., 0, 0] = np.nan
    cube = Cube(values=Values(data=data, nan_is_nodata=True), dimensions=dimensions)
    made = [(tmp_path, each) for each in save(cube, whole(cube), tmp_path, "netCDF")]
    hollow, found = results.load(results.address(results.make(*made)), bands=("B08", "B04"))

    assert [repr(each) for each in hollow.dimensions] == [repr(each) for each in found.dimensions]
    assert [each.labels for each in found.dimensions[-2:]] == [y.labels, x.labels]
    assert found.dimensions[-1].crs == 32631
    assert found.dimensions[-3].labels == ("B08", "B04")
    assert [each for each in found.dimensions if each.kind == "temporal"] == ([t] if has_time else [])
    assert np.array_equal(found.values.data, data[..., ::-1, :, :], equal_nan=True)


def test_an_image_without_a_time_and_tables_are_loaded_as_files(results, tmp_path):
    cube = Cube(values=Values(data=a_cube().values.data[0]), dimensions=a_cube().dimensions[1:])
    made = [(tmp_path, each) for each in save(cube, whole(cube), tmp_path, "GTiff")]
    _, found = results.load(results.address(results.make(*made)))
    assert np.array_equal(found.values.data[0], cube.values.data, equal_nan=True)

    places = Dimension(name="geometries", kind="geometry", labels=("POINT (1 2)", "POINT (3 4)"), crs=4326)
    table = Cube(values=Values(data=np.array([[1.5], [2.5]])), dimensions=(places, Dimension(name="properties", labels=("v",))))
    for format_ in ("Parquet", "GeoJSON"):
        made = [(tmp_path, each) for each in save(table, whole(table), tmp_path, format_)]
        _, found = results.load(results.address(results.make(*made)))
        assert (found.dimensions[0].labels, found.values.data[:, -1].tolist()) == (places.labels, [1.5, 2.5])
        url = results.address(results.make(*made))
        assert refused(results, url, bands=("v",)) == "ProcessParameterInvalid"


def test_nothing_is_loaded_that_is_not_there_or_not_ones_own(results, tmp_path):
    job = results.make(a_store(tmp_path))
    signed = results.sign(job)
    assert_identical(results.load(signed, BOB)[1], a_cube())
    assert refused(results, results.address(job), BOB) == "JobNotFound"
    assert refused(results, results.address(job), None) == "JobNotFound"
    assert refused(results, signed[:-1] + ("A" if signed[-1] != "A" else "B"), BOB) == "signed-url-invalid"
    assert refused(results, urlsplit(signed)._replace(query="").geturl()) == "signed-url-invalid"
    assert refused(results, results.address("none")) == "JobNotFound"
    assert refused(results, f"{results.site.public_url}{API}/jobs/{job}/logs") == "NotFound"


def test_results_so_far_are_loaded_where_they_are_asked_for(results, tmp_path):
    job = results.make(a_store(tmp_path), end=False)
    assert refused(results, results.address(job)) == "JobNotFinished"
    assert refused(results, results.sign(job)) == "JobNotFinished"
    assert_identical(results.load(results.address(job, "?partial=true"))[1], a_cube())
    results.end(job)
    assert_identical(results.load(results.address(job))[1], a_cube())
    empty = results.make()
    assert refused(results, results.address(empty)) == "NoDataAvailable"


def test_what_is_no_cube_or_not_one_is_refused_with_a_reason(results, tmp_path):
    _, written = a_store(tmp_path)
    (tmp_path / "other.zarr").mkdir()
    several = results.make((tmp_path, written), (tmp_path, replace(written, path=PurePosixPath("other.zarr"))))
    assert refused(results, results.address(several)) == "NotLoadable"
    cube = a_cube()
    made = [(tmp_path, each) for each in save(cube, whole(cube), tmp_path, "PNG")]
    with pytest.raises(OpenEoError, match="save results as Zarr"):
        results.load(results.address(results.make(*made)))


def test_results_of_another_site_are_the_same_to_the_bit(results, tmp_path):
    cube = a_cube()
    images = [(tmp_path, each) for each in save(cube, whole(cube), tmp_path, "GTiff")]
    sites = DestinationGuard(allow=[results.site.public_url])

    async def pin(url):
        clock = HandClock()
        async with MemoryDatabase(migrations=MIGRATIONS) as database:
            urls = UrlLoader(client=GuardedClient(guard=sites), objects=MemoryObjectStore(clock), database=database, clock=clock)
            return {
                "load": await Elsewhere(urls).resolve(
                    LoadRequest(node="load", process="load_stac", source=url), Caller(principal=BOB)
                )
            }

    for made in ([a_store(tmp_path)], images):
        url = results.sign(results.make(*made))
        assert json.dumps(tell_apart(asyncio.run(pin(url)))) == json.dumps(tell_apart(results.pin(url)))
