"""People's own files: kept whole or not at all, seen by nobody else, and there after a crash."""

import asyncio
import os
from datetime import timedelta

import openeo
import pytest

from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import MemoryDatabase
from twinlake.engines.objectstore import LocalObjectStore
from twinlake.identity.principals import Principal
from twinlake.processing.openeo import schema
from twinlake.processing.openeo.files.paths import check_path, path_in_workspace
from twinlake.processing.openeo.files.store import FileStore, list_held_objects, list_holdings
from twinlake.standards.openeo.errors import (
    FileNotFoundError,  # noqa: A004
    FilePathInvalidError,
    FileSizeExceededError,
    FolderOperationUnsupportedError,
    InfrastructureBusyError,
    StorageQuotaExceededError,
)
from twinlake.testing.clock import HandClock
from twinlake.testing.site import SiteProcess, local_site, make_site

ADA, BOB = Principal("urn:a", "ada"), Principal("urn:a", "bob")
FILES = "/openeo/1.2/files"


@pytest.fixture
def objects(tmp_path):
    return LocalObjectStore(tmp_path / "objects")


@pytest.fixture
def database():
    return MemoryDatabase(migrations=schema.MIGRATIONS)


@pytest.fixture
async def store(tmp_path, objects, database):
    async with database:
        store = FileStore(
            database=database,
            objects=objects,
            clock=HandClock(),
            randomness=SYSTEM_RANDOMNESS,
            folder=tmp_path / "in",
            most_bytes=1000,
        )
        store.prepare()
        yield store


async def pieces(*parts):
    for each in parts:
        yield each


async def put(store, path, content=b"x", owner=ADA):
    return await store.put(owner, path, pieces(content))


async def test_a_file_is_kept_and_replaced(store, objects, database, tmp_path):
    first = await store.put(ADA, "a/b.txt", pieces(b"abc", b"def"))
    assert await objects.read(first.sha256) == b"abcdef"
    second = await put(store, "a/b.txt", b"new")

    assert [each.size_bytes for each in await store.list_page(ADA, after="", limit=None)] == [3]
    assert await database.read(list_held_objects) == {second.sha256}
    assert [each.size_bytes for each in await database.read(list_holdings)] == [3]
    assert list((tmp_path / "in").iterdir()) == []
    assert await store.get(ADA, "a/b.txt") == second


async def test_files_are_ones_own(store):
    await put(store, "a.txt")
    with pytest.raises(FileNotFoundError) as missed:
        await store.get(BOB, "a.txt")
    assert missed.value.remedy == "Upload it: PUT /files/a.txt, or upload_file() of openEO's client."
    with pytest.raises(FileNotFoundError):
        await store.delete(BOB, "a.txt")
    assert await store.list_page(BOB, after="", limit=None) == []


async def test_pages_follow_each_other_by_path(store):
    for path in ("b", "a/c", "a/b", "ä", "a-"):
        await put(store, path)
    first = await store.list_page(ADA, after="", limit=3)
    rest = await store.list_page(ADA, after=first[-1].path, limit=3)

    assert [each.path for each in (*first, *rest)] == ["a-", "a/b", "a/c", "b", "ä"]


async def test_a_folder_is_no_file_and_a_file_no_folder(store):
    await put(store, "a/b")
    for call in (store.get, store.delete):
        with pytest.raises(FolderOperationUnsupportedError):
            await call(ADA, "a")
    with pytest.raises(FilePathInvalidError, match="is a folder"):
        await put(store, "a")
    with pytest.raises(FilePathInvalidError, match="is a file"):
        await put(store, "a/b/c/d")
    await put(store, "a0")
    await put(store, "a.b")
    await store.delete(ADA, "a/b")
    await put(store, "a")


async def test_all_files_of_a_person_count(store):
    await put(store, "a", b"x" * 600)
    with pytest.raises(StorageQuotaExceededError):
        await put(store, "b", b"x" * 401)
    await put(store, "b", b"x" * 400)
    await put(store, "a", b"x" * 599)
    await put(store, "a", b"x" * 1000, BOB)
    with pytest.raises(FileSizeExceededError):
        await put(store, "c", b"x" * 1001)
    with pytest.raises(FileSizeExceededError):
        await store.put(ADA, "c", pieces(), announced_bytes=1001)

    assert [each.path for each in await store.list_page(ADA, after="", limit=None)] == ["a", "b"]


async def test_files_sent_at_once_do_not_pass_the_quota_together(store):
    sent = await asyncio.gather(*[put(store, f"{number}", b"x" * 400) for number in range(4)], return_exceptions=True)

    assert sorted(isinstance(each, StorageQuotaExceededError) for each in sent) == [False, False, True, True]


async def test_a_person_sends_four_files_at_a_time(store):
    going, arrived = asyncio.Event(), asyncio.Semaphore(0)

    async def slow():
        arrived.release()
        await going.wait()
        yield b"x"

    sending = [asyncio.ensure_future(store.put(ADA, f"{number}", slow())) for number in range(4)]
    for _ in sending:
        await arrived.acquire()
    with pytest.raises(InfrastructureBusyError):
        await put(store, "e")
    await put(store, "e", owner=BOB)
    going.set()
    await asyncio.gather(*sending)
    await put(store, "e")


async def test_what_ends_early_leaves_the_old_file(store, tmp_path):
    async def broken():
        yield b"half"
        raise OSError("gone")

    before = await put(store, "a", b"old")
    with pytest.raises(OSError, match="gone"):
        await store.put(ADA, "a", broken())

    assert await store.get(ADA, "a") == before
    assert list((tmp_path / "in").iterdir()) == []


async def test_what_a_crash_left_is_cleared_away(store, tmp_path):
    (tmp_path / "in" / "left").write_bytes(b"x")
    os.utime(tmp_path / "in" / "left", (0, 0))
    store.prepare()

    assert list((tmp_path / "in").iterdir()) == []


@pytest.mark.parametrize(
    "path",
    ["", "/", "a//b", "../a", "a/..", "a/./b", ".hidden", "a/.b", "a\\b", "a\nb", "a\0b", "c:a", "a'", 'a"b', " a", "a ", "\ud800", "x" * 256,
     "a/" * 32 + "a", "é" * 200, "a/" * 600, "a\u2028b", "\x85"],
)  # fmt: skip
def test_paths_that_are_none_are_refused(path):
    with pytest.raises(FilePathInvalidError):
        check_path(path)


def test_what_looks_alike_is_one_file():
    assert check_path("mu\u0308nster/a b.tif") == "m\u00fcnster/a b.tif"


@pytest.mark.parametrize("path", ["a/b", "/a/b", "./a/b"])
def test_graphs_name_paths_in_three_ways(path):
    assert path_in_workspace(path) == "a/b"


@pytest.mark.parametrize("path", ["//a", "/../a", "./.a", "/", "./"])
def test_graphs_name_nothing_outside(path):
    with pytest.raises(FilePathInvalidError):
        path_in_workspace(path)


async def test_files_outlast_the_sweep_and_deleted_ones_do_not(tmp_path):
    class Late(HandClock):
        later = timedelta()

        def now(self):
            from twinlake.core.clock import SystemClock

            return SystemClock().now() + self.later

    clock = Late()
    async with local_site(tmp_path, clock=clock) as site:
        kept = await site.services.processing.user_files.put(ADA, "kept", pieces(b"kept"))
        gone = await site.services.processing.user_files.put(ADA, "gone", pieces(b"gone"))
        await site.services.processing.user_files.delete(ADA, "gone")
        clock.later = timedelta(hours=2)
        await site.services.upkeep.go_round()

        assert await site.services.objects.find_size(kept.sha256) == 4
        assert await site.services.objects.find_size(gone.sha256) is None


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with SiteProcess(make_site(tmp_path_factory.mktemp("files")), settings={"openeo.user_files_bytes": 1_000_000}) as site:
        yield site


@pytest.mark.slow
def test_the_client_sends_lists_gets_and_deletes_files(site, tmp_path):
    connection = openeo.connect(site.url)
    connection.authenticate_bearer_token(f"basic//{site.token}")
    source = tmp_path / "münster.bin"
    source.write_bytes(bytes(range(256)) * 1000)
    sent = connection.upload_file(source, target="europe/münster.bin")
    listed = connection.list_files()

    assert str(sent.path) == "europe/münster.bin"
    assert [(str(each.path), each.metadata["size"]) for each in listed] == [("europe/münster.bin", 256_000)]
    sent.download(tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == source.read_bytes()
    sent.delete()
    assert connection.list_files() == []


@pytest.mark.slow
def test_files_over_http(site):
    with site.client() as client, site.anonymous() as nobody:
        put = client.put(f"{FILES}/a/b%20c.txt", content=b"0123456789")
        assert put.status_code == 200
        assert put.json().keys() == {"path", "size", "modified"}
        assert put.json()["path"] == "a/b c.txt"
        part = client.get(f"{FILES}/a/b%20c.txt", headers={"range": "bytes=2-4"})
        assert (part.status_code, part.content) == (206, b"234")
        head = client.head(f"{FILES}/a/b%20c.txt")
        assert (head.headers["content-length"], head.headers["accept-ranges"]) == ("10", "bytes")
        assert head.headers["content-type"] == "application/octet-stream"
        client.put(f"{FILES}/b", content=b"")
        first = client.get(FILES, params={"limit": 1}).json()
        (link,) = first["links"]
        second = client.get(link["href"]).json()
        assert [each["path"] for page in (first, second) for each in page["files"]] == ["a/b c.txt", "b"]
        assert client.delete(f"{FILES}/b").status_code == 204
        expected = {
            ("GET", "b"): (404, "FileNotFound"),
            ("DELETE", "b"): (404, "FileNotFound"),
            ("GET", "a"): (400, "FolderOperationUnsupported"),
            ("PUT", "a"): (400, "FilePathInvalid"),
            ("PUT", "%2e%2e/a"): (400, "FilePathInvalid"),
            ("PUT", ".a"): (400, "FilePathInvalid"),
            ("PUT", "a%0Ab"): (400, "FilePathInvalid"),
            ("GET", "a%0A"): (400, "FilePathInvalid"),
        }
        for (method, path), answer in expected.items():
            found = client.request(method, f"{FILES}/{path}", content=b"x" if method == "PUT" else None)
            assert (found.status_code, found.json()["code"]) == answer, (method, path)
        large = client.put(f"{FILES}/large", content=b"x" * 1_000_001)
        assert (large.status_code, large.json()["code"]) == (400, "FileSizeExceeded")
        unannounced = client.put(f"{FILES}/large", content=iter([b"x" * 600_000, b"x" * 600_000]))
        assert (unannounced.status_code, unannounced.json()["code"]) == (400, "FileSizeExceeded")
        too_much = client.put(f"{FILES}/large", content=b"x" * 999_999)
        assert (too_much.status_code, too_much.json()["code"]) == (400, "StorageQuotaExceeded")
        assert nobody.get(FILES).json()["code"] == "AuthenticationRequired"
        assert nobody.put(f"{FILES}/c", content=b"").status_code == 401
        client.delete(f"{FILES}/a/b%20c.txt")


@pytest.mark.slow
def test_what_was_acknowledged_is_there_after_a_kill(site):
    contents = {f"k/{number}": os.urandom(1000 + number) for number in range(20)}
    with site.client() as client:
        for path, content in contents.items():
            assert client.put(f"{FILES}/{path}", content=content).status_code == 200
    site.kill()
    site.start()
    with site.client() as client:
        for path, content in contents.items():
            assert client.get(f"{FILES}/{path}").content == content
            client.delete(f"{FILES}/{path}")
