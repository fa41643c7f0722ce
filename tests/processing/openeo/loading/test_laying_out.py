"""Files for children: second names where that is possible, copies where it is not, and clear words where they are gone."""

import zipfile

import pytest

from processing.openeo.loading.lake import ADA, request
from processing.openeo.loading.test_array_loads import climate, save
from twinlake.core.errors import NotFoundError, TwinlakeError
from twinlake.engines.objectstore import LinkedFiles, MemoryObjectStore
from twinlake.holdings.catalogue.interfaces import CollectionAccess
from twinlake.holdings.readers import zarr_store
from twinlake.holdings.readers.errors import UnreadableFileError
from twinlake.processing.openeo.loading.pins import ArrayPins, PinnedFile
from twinlake.processing.openeo.loading.resolving.laying_out import FileLayout
from twinlake.processing.openeo.loading.resolving.searches import Resolver
from twinlake.standards.openeo.errors import ProcessError

pytestmark = pytest.mark.asyncio(loop_scope="module")


def pinned(stored, item="i"):
    return PinnedFile(collection="c", item=item, asset="a", size_bytes=stored.size_bytes, sha256=stored.sha256)


async def test_objects_get_second_names_and_equal_ones_the_same(lake, tmp_path):
    stored = await lake.services.objects.put_bytes(b"bytes")
    files = await lake.layout.lay_out([pinned(stored), pinned(stored, "j")], tmp_path / "files")

    assert files["c/i/a"] == files["c/j/a"]
    assert files["c/i/a"].stat().st_ino == lake.services.objects.local_path(stored.sha256).stat().st_ino


async def test_objects_that_are_no_files_are_copied(lake, tmp_path):
    objects = MemoryObjectStore(clock=lake.services.clock)
    layout = FileLayout(catalogue=lake.services.catalogue, objects=objects, links=LinkedFiles([]))
    files = await layout.lay_out([pinned(await objects.put_bytes(b"bytes"))], tmp_path)

    assert files["c/i/a"].read_bytes() == b"bytes"


async def test_what_is_gone_is_told(lake, tmp_path):
    gone = PinnedFile(collection="c", item="i", asset="a", size_bytes=1, sha256="0" * 64)
    link = PinnedFile(collection="c", item="i", asset="a", size_bytes=1, modified_ns=1)
    layout = FileLayout(
        catalogue=lake.services.catalogue, objects=MemoryObjectStore(clock=lake.services.clock), links=LinkedFiles([])
    )

    for each, where in ((gone, lake.layout), (gone, layout), (link, layout)):
        with pytest.raises(ProcessError, match="c/i/a") as refused:
            await where.lay_out([each], tmp_path / "gone")
        assert refused.value.reason == "FileUnreadable"


async def test_other_addresses_are_for_who_has_results(lake):
    class NoResults:
        async def resolve(self, request, path, caller):
            raise NotFoundError(f"{path} for {caller.principal.subject}")

    root = lake.services.settings.base_url
    resolver = Resolver(
        catalogue=lake.services.catalogue,
        collections=lake.services.collections,
        links=lake.services.links,
        public_url=root,
        results=NoResults(),
    )
    with pytest.raises(NotFoundError, match="jobs/7/results for ada"):
        await resolver.resolve(request(f"{root}/openeo/1.2/jobs/7/results", "load_stac"), ADA)


async def test_who_may_no_longer_read_is_refused_again(lake, tmp_path):
    save(climate(), tmp_path / "x.nc")
    await lake.hold(tmp_path, collection="closed")
    pins = await lake.pin(request("closed"))
    assert isinstance(pins, ArrayPins)
    await lake.resolver.require_readable(pins, ADA)
    await lake.services.catalogue.set_access("closed", CollectionAccess(access="restricted"))
    with pytest.raises(TwinlakeError) as refused:
        await lake.resolver.require_readable(pins, ADA)
    assert refused.value.status == 403


@pytest.mark.parametrize("how", ["compressed", "cut", "empty", "metadata"])
async def test_archives_that_are_no_stores_are_refused(tmp_path, how):
    path = tmp_path / "store.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if how == "compressed" else zipfile.ZIP_STORED) as archive:
        archive.writestr("zarr.json", b"{" if how == "metadata" else b'{"zarr_format":3,"node_type":"group"}' + b" " * 1000)
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[:200], "empty": b"PK\x03\x04"}.get(how, whole))

    with pytest.raises(UnreadableFileError), zarr_store.open_arrays(path):
        pass
