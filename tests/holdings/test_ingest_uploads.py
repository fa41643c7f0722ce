"""Uploads over HTTP: resumed, checked, bounded, private, swept."""

import asyncio
import hashlib
from datetime import UTC, datetime

import pytest

from twinlake.holdings.ingest.errors import FileNameError
from twinlake.holdings.ingest.names import check_file_name
from twinlake.testing.clock import START, HandClock
from twinlake.testing.site import local_site

pytestmark = pytest.mark.slow

BODY = {"content-type": "application/offset+octet-stream"}
BYTES = bytes(range(256)) * 40


@pytest.fixture
def clock():
    clock = HandClock()
    clock.later = datetime.now(UTC) - START  # staged files carry the machine's time
    return clock


@pytest.fixture
async def site(tmp_path, clock):
    async with local_site(tmp_path, clock=clock, settings={"ingest": {"max_upload_bytes": 20_000}}) as site:
        yield site


@pytest.fixture
async def alice(site):
    async with site.client(await site.token("alice")) as client:
        yield client


def sha256(data):
    return hashlib.sha256(data).hexdigest()


async def begin(client, data=BYTES, name="a/b.bin", **more):
    return await client.post("/uploads", json={"name": name, "size": len(data), **more})


async def send(client, address, offset, data):
    return await client.patch(address, content=data, headers={**BODY, "upload-offset": str(offset)})


async def test_bytes_come_in_pieces_and_are_hashed(alice, site):
    made = await begin(alice, sha256=sha256(BYTES))
    assert made.status_code == 201
    address = made.headers["location"]

    half = await send(alice, address, 0, BYTES[:5000])
    asked = await alice.head(address)
    whole = await send(alice, address, 5000, BYTES[5000:])

    assert (half.json()["offset"], half.json()["complete"]) == (5000, False)
    assert (asked.headers["upload-offset"], asked.headers["upload-length"]) == ("5000", str(len(BYTES)))
    assert (whole.json()["complete"], whole.json()["sha256"]) == (True, sha256(BYTES))
    staged = site.services.uploads.staged_path(made.json()["id"])
    assert staged.read_bytes() == BYTES
    assert staged.stat().st_mode & 0o077 == 0


async def test_an_empty_file_is_complete_at_once(alice):
    made = await begin(alice, b"")

    assert (made.json()["complete"], made.json()["sha256"]) == (True, sha256(b""))


async def test_an_interrupted_upload_is_found_by_its_hash(alice):
    first = (await begin(alice, sha256=sha256(BYTES))).json()
    await send(alice, f"/uploads/{first['id']}", 0, BYTES[:100])

    again = await begin(alice, sha256=sha256(BYTES), name="other name")

    assert (again.status_code, again.json()["id"], again.json()["offset"]) == (200, first["id"], 100)


async def test_what_the_owner_sent_before_is_known_and_what_others_sent_is_not(alice, site):
    first = (await begin(alice, sha256=sha256(BYTES))).json()
    await send(alice, f"/uploads/{first['id']}", 0, BYTES)

    again = await begin(alice, sha256=sha256(BYTES))
    assert (again.status_code, again.json()["complete"]) == (200, True)
    async with site.client(await site.token("mallory")) as mallory:
        theirs = await begin(mallory, sha256=sha256(BYTES))
        assert (theirs.status_code, theirs.json()["offset"]) == (201, 0)
        for answer in (
            await mallory.get(f"/uploads/{first['id']}"),
            await mallory.delete(f"/uploads/{first['id']}"),
            await send(mallory, f"/uploads/{first['id']}", 0, b"x"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "upload-not-found")


async def test_nobody_uploads_anonymously(site):
    async with site.client() as nobody:
        assert (await begin(nobody)).status_code == 401


async def test_bytes_at_another_offset_are_refused_and_change_nothing(alice):
    address = (await begin(alice)).headers["location"]
    await send(alice, address, 0, BYTES[:100])

    for offset in (0, 99, 101, 10**15):
        answer = await send(alice, address, offset, b"wrong")
        assert (answer.status_code, answer.json()["code"], answer.json()["offset"]) == (409, "upload-offset-mismatch", 100)
    for offset in ("", "-1", "1e3", "²", "9" * 40):
        answer = await alice.patch(address, content=b"x", headers={**BODY, "upload-offset": offset.encode()})
        assert answer.status_code == 400
    assert (await alice.patch(address, content=b"x", headers={"upload-offset": "100"})).status_code == 400
    assert (await alice.get(address)).json()["offset"] == 100


async def test_more_bytes_than_declared_are_refused_and_not_kept(alice):
    address = (await begin(alice)).headers["location"]
    await send(alice, address, 0, BYTES[:100])

    answer = await send(alice, address, 100, BYTES)

    assert (answer.status_code, answer.json()["code"]) == (413, "upload-too-large")
    assert (await alice.get(address)).json()["offset"] == 100
    assert (await send(alice, address, 100, BYTES[100:])).json()["complete"]


async def test_bytes_that_are_not_the_declared_ones_are_thrown_away(alice, site):
    made = (await begin(alice, sha256=sha256(b"something else"))).json()

    answer = await send(alice, f"/uploads/{made['id']}", 0, BYTES)

    assert (answer.status_code, answer.json()["code"]) == (422, "checksum-mismatch")
    assert (await alice.get(f"/uploads/{made['id']}")).status_code == 404
    assert site.services.uploads.staged_path(made["id"]) is None


@pytest.mark.parametrize(
    "body",
    [
        {"name": "a", "size": -1},
        {"name": "a", "size": 20_001},
        {"name": "a", "size": 10**30},
        {"name": "a", "size": 1.5},
        {"name": "a"},
        {"size": 3},
        {"name": "a", "size": 3, "sha256": "../../etc"},
        {"name": "a", "size": 3, "sha256": "A" * 64},
        {"name": "a", "size": 3, "colour": "red"},
        {"name": 7, "size": 3},
        ["a"],
        None,
    ],
)
async def test_a_wrong_declaration_is_refused(alice, site, body):
    answer = await alice.post("/uploads", json=body)

    assert answer.status_code in {400, 413}
    assert answer.json()["detail"]
    assert list((site.services.folder.staging / "uploads").iterdir()) == []


WRONG_NAMES = ("", ".", "..", "../a", "a/../b", "/a", "a//b", "a/", "a\\b", "a\x00b", "a\nb", "a/./b", "a\x7f", "\ud800", "a/..")


@pytest.mark.parametrize("name", [*WRONG_NAMES, "..\\a", "C:\\a", "x" * 256, "/".join(["x" * 200] * 9)])
def test_a_name_that_leads_elsewhere_is_refused(name):
    with pytest.raises(FileNameError):
        check_file_name(name)


@pytest.mark.parametrize(
    "name", [".zgroup", "store.zarr/.zarray", "Ein Bild – schön.tif", "a/b/c.nc", "...", "~", "-rf", "%2e%2e"]
)
def test_an_ordinary_name_is_taken(name):
    assert check_file_name(name) == name


async def test_what_one_owner_has_waiting_is_bounded(alice, site):
    ask = {"name": "a", "size": 15_000}
    answers = await asyncio.gather(*(alice.post("/uploads", json=ask) for _ in range(8)))

    made = [answer for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code == 413]
    assert (len(made), len(refused)) == (2, 6)
    problem = refused[0].json()
    assert (problem["code"], problem["limit"]) == ("upload-quota-exceeded", 40_000)
    assert "40000 bytes" in problem["detail"]
    assert "ingest.upload_quota_bytes" in problem["remedy"]
    async with site.client(await site.token("bob")) as bob:
        assert (await begin(bob)).status_code == 201
    assert len(list((site.services.folder.staging / "uploads").iterdir())) == 3
    await alice.delete(made[0].headers["location"])
    assert (await alice.post("/uploads", json=ask)).status_code == 201


async def test_the_bound_on_what_waits_is_a_setting(tmp_path):
    settings = {"ingest": {"max_upload_bytes": 100, "upload_quota_bytes": 150}}
    async with local_site(tmp_path, settings=settings) as site, site.client(await site.token("alice")) as alice:
        sizes = [(await alice.post("/uploads", json={"name": "a", "size": 50})).status_code for _ in range(4)]

    assert sizes == [201, 201, 201, 413]


async def test_an_upload_that_is_deleted_is_gone(alice, site):
    made = (await begin(alice)).json()

    assert (await alice.delete(f"/uploads/{made['id']}")).status_code == 204
    assert (await alice.get(f"/uploads/{made['id']}")).status_code == 404
    assert site.services.uploads.staged_path(made["id"]) is None


async def test_uploads_expire_and_strays_are_swept(alice, site, clock):
    uploads = site.services.uploads
    made = (await begin(alice)).json()
    stray = site.services.folder.staging / "uploads" / "left-by-a-crash"
    stray.write_bytes(b"x")
    assert await uploads.sweep() == 0

    clock.advance(hours=25)

    assert (await alice.get(f"/uploads/{made['id']}")).status_code == 404
    assert await uploads.sweep() == 2
    assert list(stray.parent.iterdir()) == []


async def test_a_finished_upload_whose_bytes_are_stored_is_remembered(alice, site, clock):
    made = (await begin(alice, sha256=sha256(BYTES))).json()
    await send(alice, f"/uploads/{made['id']}", 0, BYTES)
    await site.services.objects.put_file(site.services.uploads.staged_path(made["id"]), take=True)
    await site.services.uploads.mark_taken(made["id"])

    clock.advance(hours=25)
    assert await site.services.uploads.sweep() == 0

    again = await begin(alice, sha256=sha256(BYTES))
    assert (again.status_code, again.json()["complete"]) == (200, True)
