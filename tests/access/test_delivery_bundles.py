"""The whole product of an item: one file as it is, several as a ZIP."""

import hashlib
import io
import os
import tracemalloc
import zipfile

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinlake.access.delivery import DirectSender
from twinlake.access.delivery.bundles import BundleSender, name_entries, size_of
from twinlake.access.delivery.errors import AssetDamagedError
from twinlake.engines.objectstore.linked import LinkedFiles
from twinlake.engines.objectstore.memory import MemoryObjectStore
from twinlake.holdings.catalogue.interfaces import Bundle, Linked, Managed, StoredAsset
from twinlake.testing.clock import HandClock
from twinlake.testing.delivery_site import new_collection

MANY = st.lists(st.tuples(st.text(max_size=8), st.integers(0, 60)), max_size=12)


@pytest.fixture(scope="module")
def client(site):
    with httpx2.Client(base_url=f"{site.public_url}/data/test", timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def several(site, large):
    [links] = site.stac.services.settings.ingest.link_roots
    (links / "Data.tif").write_bytes(b"linked" * 50_000)
    assets = {
        "a": ("data.tif", "image/tiff", large),
        "b": ("größe \N{SNOWMAN}.txt", "text/plain", b"unicode"),
        "c": ("data.tif", None, links / "Data.tif"),
        "d": ("empty", None, b""),
        "e": ("far.nc", None, "https://x.example/far.nc"),
    }
    site.put_item("s.2 é", assets, collection="open")
    return {
        "data.tif": large,
        "größe \N{SNOWMAN}.txt": b"unicode",
        "Data-2.tif": b"linked" * 50_000,
        "empty": b"",
    }


def read(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        return {info.filename: archive.read(info) for info in archive.infolist()}


def test_several_files_come_as_one_zip(client, several):
    answer = client.get("/open/s.2 é/downloadLink", headers={"Range": "bytes=0-9"})

    assert (answer.status_code, read(answer.content) == several) == (200, True)
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith('attachment; filename="s_2 _.zip"')
    assert answer.headers["accept-ranges"] == "none"


def test_what_is_sent_is_counted(site, client):
    site.put_item("counted", {"a": ("a", None, b"some"), "b": ("b", None, b"more")}, collection="open")

    answer = client.get("/open/counted/downloadLink")
    [line] = site.stac.requests(1, path="/data/test/open/counted/downloadLink")

    assert line["bytes_out"] == len(answer.content)


def test_head_and_conditions_are_as_for_a_file(client, several):
    assert several
    head, get = client.head("/open/s.2 é/downloadLink"), client.get("/open/s.2 é/downloadLink")
    changing = {"x-request-id", "date"}
    same = client.get("/open/s.2 é/downloadLink", headers={"If-None-Match": get.headers["etag"]})

    assert head.content == b""
    assert {k: v for k, v in head.headers.items() if k not in changing} == {
        k: v for k, v in get.headers.items() if k not in changing
    }
    assert (same.status_code, same.content) == (304, b"")


def test_the_item_links_to_its_whole_product(site, several):
    item = httpx2.get(f"{site.public_url}/stac/v2/collections/open/items/s.2 é").json()

    answer = httpx2.get(item["assets"]["downloadLink"]["href"], timeout=60)

    assert set(read(answer.content)) == set(several)
    assert item["properties"]["federation:backends"] == ["test"]


def test_one_file_comes_as_it_is(site, client):
    site.put_item("only", {"data": ("x.txt", "text/plain", b"only this")}, collection="open")
    site.put_item("far", {"data": ("x.txt", None, "https://x.example/far.nc")}, collection="open")

    part = client.get("/open/only/downloadLink", headers={"Range": "bytes=0-3"})
    far = client.get("/open/far/downloadLink")

    assert (part.status_code, part.content) == (206, b"only")
    assert part.headers["content-disposition"] == 'inline; filename="x.txt"'
    assert (far.status_code, far.headers["location"]) == (307, "https://x.example/far.nc")


def test_who_may_not_read_gets_no_zip(site, client):
    site.put_item("two", {"a": ("a", None, b"secret"), "b": ("b", None, b"more")}, collection="closed")
    site.put_item("two", {"a": ("a", None, b"public"), "b": ("b", None, b"more")}, collection="open")
    reader = site.stac.token("reader", scopes=["search"])
    steward = site.stac.token("steward", roles=["data-steward"])

    refused = client.get("/open/two/downloadLink", headers={"Authorization": f"Bearer {reader}"})
    answer = client.get("/closed/two/downloadLink", headers={"Authorization": f"Bearer {steward}"})

    assert client.get("/closed/two/downloadLink").status_code == 401
    assert refused.status_code == 403
    assert (read(answer.content)["a"], answer.headers["cache-control"]) == (b"secret", "private, no-cache")
    assert client.get("/open/none/downloadLink").status_code == 404


def test_damage_is_told_before_and_cuts_while_it_is_sent(site, client):
    site.stac.put([new_collection("broken")])
    first, second = b"first" * 100_000, b"second" * 100_000
    site.put_item("two", {"a": ("a", None, first), "b": ("b", None, second)}, collection="broken")
    path = site.objects.local_path(hashlib.sha256(second).hexdigest())
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.write(b"X")

    with pytest.raises(httpx2.RemoteProtocolError):
        client.get("/broken/two/downloadLink")
    os.truncate(path, 10)
    short = client.get("/broken/two/downloadLink")

    assert (short.status_code, short.json()["code"]) == (502, "asset-damaged")


def test_a_reader_that_leaves_is_let_go(site, client, several):
    with client.stream("GET", "/open/s.2 é/downloadLink") as answer:
        next(answer.iter_raw(1000))

    [line] = site.stac.requests(1, path="/data/test/open/s.2 é/downloadLink", status=499)
    assert line["bytes_out"] < len(several["data.tif"])
    assert set(read(client.get("/open/s.2 é/downloadLink").content)) == set(several)


async def send(sender, *assets):
    stored = StoredAsset(
        collection="c", item="i", key="downloadLink", holding=None, href=None, media_type="application/zip", filename="i.zip"
    )
    answer = await sender.send(stored, Bundle(assets), cache_control="no-cache")
    sizes = []

    async def receive(message):
        sizes.append(len(message.get("body", b"")))

    await answer({"type": "http", "method": "GET", "headers": []}, None, receive)
    assert sum(sizes) == answer.representation.size_bytes
    return sum(sizes), max(sizes)


def part(key, filename, holding):
    return StoredAsset(collection="c", item="i", key=key, holding=holding, href=None, media_type=None, filename=filename)


@pytest.mark.slow
async def test_a_large_file_takes_little_memory(tmp_path):
    size = 300 << 20
    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(size)
    store = MemoryObjectStore(clock=HandClock())
    stored = await store.put_bytes(b"in a bucket")
    sender = BundleSender(direct=DirectSender(objects=store, links=LinkedFiles([tmp_path])))

    tracemalloc.start()
    try:
        sent, largest = await send(
            sender,
            part("a", "large.bin", Linked(str(tmp_path / "large.bin"), size)),
            part("b", "b.txt", Managed(stored.sha256, stored.size_bytes)),
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert sent > size
    assert largest < 2 << 20
    assert peak < 16 << 20


async def test_a_file_that_changes_between_is_not_sent(tmp_path):
    sender = BundleSender(direct=DirectSender(objects=MemoryObjectStore(clock=HandClock()), links=LinkedFiles([tmp_path])))
    assets = []
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"x" * 10)
        assets.append(part(name, name, Linked(str(tmp_path / name), 10)))
    answer = await sender.send(part("z", "z.zip", None), Bundle(tuple(assets)), cache_control="no-cache")

    (tmp_path / "b").write_bytes(b"y" * 10)
    os.utime(tmp_path / "b", (1, 1))

    async def receive(_):
        pass

    with pytest.raises(AssetDamagedError):
        await answer({"type": "http", "method": "GET", "headers": []}, None, receive)


class Unseekable(io.RawIOBase):
    def __init__(self):
        self.count = 0

    def write(self, data):
        self.count += len(data)
        return len(data)


@given(MANY)
def test_the_size_is_known_beforehand(files):
    """With limits so low that every field of ZIP64 is used."""
    names = name_entries([name for name, _ in files])
    sizes = [size for _, size in files]
    for limit in (zipfile.ZIP64_LIMIT, 40, 200):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(zipfile, "ZIP64_LIMIT", limit)
            patch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", min(limit, 9))
            sink = Unseekable()
            with zipfile.ZipFile(sink, "w") as archive:
                for name, size in zip(names, sizes, strict=True):
                    with archive.open(zipfile.ZipInfo(name), "w", force_zip64=size > limit) as entry:
                        entry.write(b"x" * size)
            assert sink.count == size_of(list(zip(names, sizes, strict=True)))


@given(st.lists(st.sampled_from(["a.tif", "A.TIF", "a-2.tif", "../a.tif", "..", "", "a/b", "é", "e\N{COMBINING ACUTE ACCENT}"])))
def test_names_are_unique_and_no_paths(filenames):
    names = name_entries(filenames)

    assert len({name.casefold() for name in names}) == len(filenames)
    assert all(name not in {"", ".", ".."} and "/" not in name for name in names)


def test_names_are_kept_where_they_can_be():
    names = name_entries(["x.tif", "X.tif", "a\\b:c.txt", ".hidden", "ö" * 300 + ".nc", "nul\0byte"])

    assert names[:4] == ["x.tif", "X-2.tif", "a_b_c.txt", "hidden"]
    assert (len(names[4].encode()), names[4][-4:], names[5]) == (199, "ö.nc", "nul_byte")
