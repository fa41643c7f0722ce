"""The site's side of an ingest run holds the child to its order, and the order to its owner's rights."""

import hashlib
import os
from dataclasses import replace

import orjson
import pytest

from twinlake.core.clock import SystemClock
from twinlake.core.errors import ConflictError, InvalidInputError
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import MemoryDatabase
from twinlake.engines.objectstore import LinkedFiles, MemoryObjectStore
from twinlake.holdings.catalogue.interfaces import CollectionAccess, ItemDraft, ItemText, Linked, Visibility
from twinlake.holdings.ingest.errors import UploadNotFoundError
from twinlake.holdings.ingest.inputs import InputLayout
from twinlake.holdings.ingest.intake import AssetSource, Intake
from twinlake.holdings.ingest.models import UploadLimits
from twinlake.holdings.ingest.schema import MIGRATIONS
from twinlake.holdings.ingest.spec import FileOrder
from twinlake.holdings.ingest.uploads import Uploads
from twinlake.jobs.errors import LeaseLostError
from twinlake.testing.job_journal import SECOND
from twinlake.testing.site import local_site

BYTES = b"some bytes of a file"
COLLECTION = {
    "type": "Collection",
    "stac_version": "1.1.0",
    "id": "mine",
    "description": "d",
    "license": "other",
    "links": [],
    "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}},
}


def draft(item="a", collection="mine", assets=("data",)):
    document = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": item,
        "collection": collection,
        "geometry": None,
        "properties": {"datetime": "2020-01-01T00:00:00Z"},
        "links": [],
        "assets": {key: {"href": f"./{key}"} for key in assets},
    }
    return ItemDraft(document=document)


@pytest.fixture
async def site(tmp_path):
    async with local_site(tmp_path) as site:
        yield site


@pytest.fixture
async def alice(site):
    async with site.client(await site.token("alice", roles=["data-steward"])) as client:
        yield client


@pytest.fixture
async def bob(site):
    async with site.client(await site.token("bob")) as client:
        yield client


async def send(client, name="a.tif", data=BYTES):
    upload = (await client.post("/uploads", json={"name": name, "size": len(data)})).json()["id"]
    headers = {"content-type": "application/offset+octet-stream", "upload-offset": "0"}
    assert (await client.patch(f"/uploads/{upload}", content=data, headers=headers)).json()["complete"]
    return upload


async def ask(client, upload, collection="mine", **more):
    spec = {"collection": collection, "files": [{"name": "a.tif", "upload": upload}], "create_collection": True, **more}
    return await client.post("/jobs", json={"kind": "ingest", "spec": spec})


@pytest.fixture
async def held(site, alice, tmp_path):
    """Return a function that makes a run of Alice's, holds it, and returns it with an intake for its folder."""

    async def hold(**more):
        answer = await ask(alice, await send(alice), **more)
        assert answer.status_code == 201, answer.text
        services = site.services
        kind = services.jobs._kinds["ingest"]
        run = await services.run_journal.claim(kind, "lease")
        folder = tmp_path / "attempt"
        (folder / "work").mkdir(parents=True)
        intake = Intake(
            journal=services.run_journal,
            catalogue=services.catalogue,
            objects=services.objects,
            uploads=services.uploads,
            links=services.links,
            folder_of=lambda lease: folder if lease == "lease" else None,
        )
        return run, intake, folder

    return hold


async def test_bytes_come_before_the_item_and_the_item_before_its_event(site, held):
    run, intake, folder = await held()
    [laid] = await intake.lay_out_inputs(run, "lease")
    assert laid.path == str(folder / "inputs" / "a.tif")
    assert (folder / "inputs" / "a.tif").read_bytes() == BYTES
    (folder / "work" / "thumbnail").write_bytes(b"picture")
    await intake.put_collection(run, COLLECTION, replace=False)

    sources = {"data": AssetSource(input="a.tif"), "thumbnail": AssetSource(made="thumbnail")}
    item = draft(assets=("data", "thumbnail"))
    outcome = await intake.put_item(run, "lease", item, sources)

    everything = Visibility(everything=True)
    stored = await site.services.catalogue.get_asset("mine", "a", "data", everything)
    assert outcome == "created"
    assert (stored.holding.sha256, stored.holding.size_bytes) == (hashlib.sha256(BYTES).hexdigest(), len(BYTES))
    assert await site.services.objects.read(stored.holding.sha256) == BYTES
    (folder / "work" / "thumbnail").write_bytes(b"picture")
    assert await intake.put_item(run, "lease", item, sources) == "unchanged"
    access = (await site.services.catalogue.list_access())["mine"]
    assert access.owner == run.owner


async def test_a_child_can_name_no_other_file_of_the_site(held, tmp_path):
    run, intake, folder = await held()
    await intake.put_collection(run, COLLECTION, replace=False)
    (tmp_path / "secret").write_bytes(b"the site's own")
    (folder / "secret").write_bytes(b"outside of the child's own folder")
    (folder / "work" / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "work" / "pipe")

    for source in (
        AssetSource(made="../secret"),
        AssetSource(made="/etc/passwd"),
        AssetSource(made=".."),
        AssetSource(made="link"),
        AssetSource(made="pipe"),
        AssetSource(made="missing"),
        AssetSource(input="b.tif"),
        AssetSource(input="../secret"),
        AssetSource(),
    ):
        with pytest.raises(InvalidInputError):
            await intake.put_item(run, "lease", draft(), {"data": source})
    assert (await intake._catalogue.list_access()).keys() == {"mine"}


async def test_a_child_writes_to_its_collection_alone(held):
    run, intake, _ = await held()
    await intake.put_collection(run, COLLECTION, replace=False)

    with pytest.raises(InvalidInputError):
        await intake.put_item(run, "lease", draft(collection="yours"), {})
    with pytest.raises(InvalidInputError):
        await intake.put_collection(run, {**COLLECTION, "id": "yours"}, replace=True)
    with pytest.raises(LeaseLostError):
        await intake.put_item(run, "another lease", draft(), {"data": AssetSource(made="x")})

    texts = [ItemText(orjson.dumps(one.document)) for one in (draft("b", assets=()), draft("c", collection="yours", assets=()))]
    report = await intake.load_items(run, texts)
    assert (report.created, [one.item for one in report.refused]) == (1, ["c"])


async def test_a_dry_run_writes_nothing(held):
    run, intake, _ = await held(dry_run=True)

    with pytest.raises(InvalidInputError):
        await intake.put_collection(run, COLLECTION, replace=False)
    with pytest.raises(InvalidInputError):
        await intake.put_item(run, "lease", draft(), {})


async def test_a_collection_that_somebody_made_meanwhile_stays_theirs(site, held):
    run, intake, _ = await held()
    await site.services.catalogue.put_collection(COLLECTION, access=CollectionAccess(owner="urn:i|mallory"), create=True)

    with pytest.raises(ConflictError):
        await intake.put_collection(run, COLLECTION, replace=True)
    with pytest.raises(ConflictError):
        await intake.put_item(run, "lease", draft(), {})


async def test_an_ordinary_account_makes_no_collection_and_writes_to_none_of_others(site, alice, bob):
    upload = await send(bob)
    assert (await ask(bob, upload)).json()["code"] == "refused-by-policy"
    assert (await ask(bob, upload, create_collection=False)).json()["code"] == "collection-not-found"

    owner = CollectionAccess(owner="urn:twinlake:site:central|alice")
    for access, expected in (("open", (403, "refused-by-policy")), ("private", (404, "collection-not-found"))):
        document = {**COLLECTION, "id": access}
        await site.services.catalogue.put_collection(document, access=replace(owner, access=access), create=True)
        answer = await ask(bob, upload, collection=access)
        assert (answer.status_code, answer.json()["code"]) == expected
    assert (await ask(alice, upload)).status_code == 404, "another's upload"
    assert (await bob.get("/jobs")).json()["jobs"] == []


async def test_a_token_without_the_scope_takes_nothing_in(site):
    async with site.client(await site.token("alice", roles=["data-steward"], scopes=["search", "read"])) as reader:
        assert (await reader.post("/uploads", json={"name": "a", "size": 1})).status_code == 403
        assert (await reader.post("/jobs", json={"kind": "ingest", "spec": {}})).status_code == 403


async def test_who_may_not_write_where_a_file_is_to_go_is_told_before_its_bytes_are_sent(site, bob, alice):
    async def offer(account, collection, **more):
        described = {"name": "a", "size": 10, "collection": collection, **more}
        answer = await account.post("/uploads", json=described)
        return answer.status_code, answer.json().get("code")

    await site.services.catalogue.put_collection({**COLLECTION, "id": "theirs"}, create=True)

    assert await offer(bob, "theirs") == (403, "refused-by-policy")
    assert await offer(bob, "new", create_collection=True) == (403, "refused-by-policy")
    assert await offer(alice, "new") == (404, "collection-not-found")
    assert await offer(alice, "new", create_collection=True) == (201, None)
    assert await offer(alice, "theirs") == (201, None)


async def test_an_object_that_lies_elsewhere_is_fetched_for_the_child(tmp_path):
    async with MemoryDatabase(migrations=MIGRATIONS) as database:
        objects = MemoryObjectStore(clock=SystemClock())
        limits = UploadLimits(file_bytes=1000, owner_bytes=1000, lifetime=60 * SECOND)
        uploads = Uploads(
            database=database,
            objects=objects,
            clock=SystemClock(),
            randomness=SYSTEM_RANDOMNESS,
            folder=tmp_path / "staging",
            limits=limits,
        )

        async def pieces():
            yield BYTES

        upload, _ = await uploads.create("alice", name="a.tif", size_bytes=len(BYTES), sha256=None)
        await uploads.append("alice", upload.id, 0, pieces())
        await objects.put_file(uploads.staged_path(upload.id), take=True)
        layout = InputLayout(objects=objects, uploads=uploads, links=LinkedFiles(()))

        laid = await layout.lay_out("alice", FileOrder("sub/a.tif", upload=upload.id), tmp_path / "inputs")
        clash = await layout.lay_out("alice", FileOrder("sub/a.tif/b.tif", upload=upload.id), tmp_path / "inputs")
        theirs = await layout.lay_out("bob", FileOrder("c.tif", upload=upload.id), tmp_path / "inputs")
        link = await layout.lay_out("alice", FileOrder("d.tif", link="/etc/passwd"), tmp_path / "inputs")

        assert (tmp_path / "inputs" / "sub" / "a.tif").read_bytes() == BYTES
        assert (laid.path, laid.refusal) == (str(tmp_path / "inputs" / "sub" / "a.tif"), None)
        assert clash.refusal["code"] == "invalid-input"
        assert theirs.refusal["code"] == UploadNotFoundError.code
        assert link.refusal["code"] == "link-refused"
        assert (clash.path, theirs.path, link.path) == (None, None, None)


async def test_a_linked_file_that_is_not_what_the_child_read_is_refused(tmp_path):
    archive = tmp_path / "archive"
    archive.mkdir()
    (archive / "a.tif").write_bytes(BYTES)
    async with local_site(tmp_path, settings={"ingest": {"link_roots": [archive]}}) as site:
        async with site.client(await site.token("alice", roles=["data-steward"])) as alice:
            spec = {"collection": "mine", "create_collection": True, "files": [{"name": "a.tif", "link": f"{archive}/a.tif"}]}
            assert (await alice.post("/jobs", json={"kind": "ingest", "spec": spec})).status_code == 201
        services = site.services
        kind = services.jobs._kinds["ingest"]
        run = await services.run_journal.claim(kind, "lease")
        intake = Intake(
            journal=services.run_journal,
            catalogue=services.catalogue,
            objects=services.objects,
            uploads=services.uploads,
            links=services.links,
            folder_of=lambda _lease: tmp_path,
        )
        await intake.put_collection(run, COLLECTION, replace=False)
        read, another = draft(), draft()
        read.document["assets"]["data"]["file:checksum"] = "1220" + hashlib.sha256(BYTES).hexdigest()
        another.document["assets"]["data"]["file:checksum"] = "1220" + hashlib.sha256(b"as it was").hexdigest()
        sources = {"data": AssetSource(input="a.tif")}

        with pytest.raises(InvalidInputError, match="changed while it was taken in"):
            await intake.put_item(run, "lease", another, sources)
        assert await intake.put_item(run, "lease", read, sources) == "created"
        held = (await services.catalogue.get_asset("mine", "a", "data", Visibility(everything=True))).holding
        status = (archive / "a.tif").stat()
        assert held == Linked(f"{archive}/a.tif", len(BYTES), hashlib.sha256(BYTES).hexdigest(), status.st_mtime_ns)
