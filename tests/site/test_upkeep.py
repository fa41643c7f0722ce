"""What a serving site clears away: what is old goes, what is cited or young stays."""

import asyncio
from datetime import timedelta

import orjson
import pytest

from twinlake.core.clock import SystemClock
from twinlake.engines.database import MemoryDatabase
from twinlake.holdings.catalogue.bodies import body_packer, unpack
from twinlake.holdings.catalogue.documents import PUBLIC_URL, digest
from twinlake.holdings.catalogue.interfaces import ItemDraft, Managed, Visibility
from twinlake.identity.keys.ring import KEY_USES
from twinlake.site.kept import list_held_objects
from twinlake.site.schema import MIGRATIONS
from twinlake.site.storage import PREPARE
from twinlake.testing.delivery_site import new_collection, new_item
from twinlake.testing.site import local_site


class LateClock:
    """The system's clock, some time later: files have the system's times."""

    def __init__(self):
        self.later = timedelta()
        self._system = SystemClock()

    def now(self):
        return self._system.now() + self.later

    def monotonic(self):
        return self._system.monotonic()


@pytest.fixture
def clock():
    return LateClock()


@pytest.fixture
async def services(tmp_path, clock):
    async with local_site(tmp_path, clock=clock, settings={"events": {"retention_days": 30}}) as site:
        await site.services.catalogue.put_collection(new_collection("c"))
        yield site.services


async def put_version(services, content):
    """Put item ``i`` anew, with *content* as its asset; return its version."""
    stored = await services.objects.put_bytes(content)
    document = new_item("i", "c", {"data": {"href": "./data.bin"}})
    held = {"data": Managed(stored.sha256, stored.size_bytes)}
    await services.catalogue.put_items([ItemDraft(document=document, holdings=held)])
    found = await services.catalogue.get_item("c", "i", Visibility(everything=True))
    return found.version, stored.sha256


async def count_events(services):
    return await services.database.read(lambda tx: tx.execute("select count(*) from event").fetchone()[0])


async def test_stored_items_are_written_anew_where_an_older_version_wrote_them(services):
    await put_version(services, b"x")
    everything = Visibility(everything=True)
    stored = await services.catalogue.get_item("c", "i", everything)

    def age(tx):
        [(packed,)] = tx.execute("select body from item_version").fetchall()
        document = orjson.loads(unpack(packed).replace(PUBLIC_URL, b"http://mark"))
        del document["assets"]["downloadLink"]
        body = orjson.dumps(document).replace(b"http://mark", PUBLIC_URL)
        tx.execute("update item_version set body = ?, etag = ?", (body_packer()(body), digest(body)))
        tx.execute("insert into body_rebuild select max(vid) from item_version")

    await services.database.write(age)
    assert await services.catalogue.get_item("c", "i", everything) != stored
    await services.upkeep.go_round()

    assert await services.catalogue.get_item("c", "i", everything) == stored


async def test_old_events_go_and_readers_are_told(services, clock):
    for n in range(3):
        await put_version(services, str(n).encode())
    before = await count_events(services)
    clock.later = timedelta(days=29)
    await services.upkeep.go_round()
    assert await count_events(services) == before

    clock.later = timedelta(days=31)
    await services.upkeep.go_round()

    assert await count_events(services) == 0
    page = await services.database.read(lambda tx: services.events.read(tx, after_seq=0, limit=10))
    assert page.gap is not None


async def test_jobs_audit_and_usage_go_when_their_days_are_over(tmp_path, clock):
    settings = {"jobs": {"retention_days": 10}, "audit": {"retention_days": 20}, "usage": {"retention_days": 30}}
    async with local_site(tmp_path, clock=clock, settings=settings) as site:
        services, upkeep = site.services, site.services.upkeep

        async def count():
            tables = ("job_request", "job_run", "identity_audit", "identity_usage")
            return await services.database.read(
                lambda tx: [tx.execute(f"select count(*) from {table}").fetchone()[0] for table in tables]
            )

        async with site.client(await site.token("alice", roles=["data-steward"])) as alice:
            jobs = []
            for collection in ("one", "two"):
                upload = (await alice.post("/uploads", json={"name": "empty.csv", "size": 0})).json()["id"]
                files = [{"name": "empty.csv", "upload": upload}]
                spec = {"collection": collection, "files": files, "create_collection": True}
                jobs.append((await alice.post("/jobs", json={"kind": "ingest", "spec": spec})).json()["jobID"])
            await alice.delete(f"/jobs/{jobs[0]}")
            await services.audit.flush()
            await services.usage.flush()
            [*_, audited, used] = before = await count()
            assert before[:2] == [2, 2]
            assert audited
            assert used

            clock.later = timedelta(days=9)
            await upkeep.go_round()
            assert await count() == before
            clock.later = timedelta(days=11)
            await upkeep.go_round()
            assert await count() == [1, 1, audited, used]
            gone = await alice.get(f"/jobs/{jobs[0]}")
            assert (gone.status_code, gone.json()["code"]) == (404, "job-not-found")
            assert (await alice.get(f"/jobs/{jobs[0]}/logs")).status_code == 404
            assert (await alice.get(f"/jobs/{jobs[1]}")).json()["status"] == "accepted"
            clock.later = timedelta(days=21)
            await upkeep.go_round()
            assert await count() == [1, 1, 0, used]
            clock.later = timedelta(days=31)
            await upkeep.go_round()
            assert await count() == [1, 1, 0, 0]


async def test_superseded_versions_go_after_a_day_unless_they_are_cited(services, clock):
    cited, cited_object = await put_version(services, b"cited")
    await services.catalogue.cite("c", "i", cited, citer="a job")
    old, old_object = await put_version(services, b"old")
    new, new_object = await put_version(services, b"new")
    clock.later = timedelta(hours=23)
    await services.upkeep.go_round()
    assert {cited_object, old_object, new_object} == await services.database.read(list_held_objects)

    clock.later = timedelta(hours=25)
    await services.upkeep.go_round()

    assert await services.objects.find_size(old_object) is None
    assert await services.objects.read(cited_object) == b"cited"
    assert await services.objects.read(new_object) == b"new"
    assert (await services.catalogue.get_item("c", "i", Visibility(everything=True), version=cited)).version == cited
    assert len({cited, old, new}) == 3

    await services.catalogue.release(citer="a job")
    await services.upkeep.go_round()
    assert await services.objects.find_size(cited_object) is None


async def test_objects_that_nothing_cites_go_after_an_hour(services, clock):
    stray = await services.objects.put_bytes(b"from a run that was killed")
    _, kept = await put_version(services, b"kept")
    clock.later = timedelta(minutes=59)
    await services.upkeep.go_round()
    assert await services.objects.find_size(stray.sha256) is not None

    clock.later = timedelta(minutes=61)
    await services.upkeep.go_round()

    assert await services.objects.find_size(stray.sha256) is None
    assert await services.objects.find_size(kept) is not None


async def test_nothing_is_swept_while_a_backup_copies(services, clock):
    stray = await services.objects.put_bytes(b"stray")
    clock.later = timedelta(hours=2)

    async with services.folder.keep_objects():
        await services.upkeep.go_round()
    assert await services.objects.find_size(stray.sha256) is not None

    await services.upkeep.go_round()
    assert await services.objects.find_size(stray.sha256) is None


async def test_keys_are_followed_by_new_ones(services, clock):
    before = {use: services.ring.signing_key(use).kid for use in KEY_USES}
    clock.later = timedelta(days=91)
    await services.upkeep.go_round()
    clock.later = timedelta(days=91, minutes=16)

    assert all(services.ring.signing_key(use).kid != before[use] for use in KEY_USES)
    assert all(before[use] in {key["kid"] for key in services.ring.public_keys(use)} for use in KEY_USES)


async def test_uploads_that_were_left_go(services, clock):
    upload, _ = await services.uploads.create("urn:x|alice", name="a.csv", size_bytes=10, sha256=None)
    folder = services.folder.staging / "uploads"
    assert [path.name for path in folder.iterdir()] == [upload.id]
    clock.later = timedelta(hours=25)

    await services.upkeep.go_round()

    assert list(folder.iterdir()) == []


async def test_a_round_that_fails_is_told_and_the_site_goes_on(tmp_path):
    async with local_site(tmp_path) as site:
        services = site.services
        (services.folder.objects / "ab").rmdir()

        going = asyncio.ensure_future(services.upkeep.run())
        async with asyncio.timeout(20):
            while not site.log():  # noqa: ASYNC110  # the log is a stream, which tells nobody
                await asyncio.sleep(0.01)
        assert not going.done()
        services.closing.set()
        await going

        [line] = site.log()
        assert (line["level"], line["event"]) == ("warning", "upkeep could not finish its round")


async def test_a_database_of_an_older_version_tells_what_it_holds():
    older = [step for step in MIGRATIONS if step.capability != "openeo"]
    async with MemoryDatabase(migrations=older, prepare=PREPARE) as database:
        assert await database.read(list_held_objects) == frozenset()
