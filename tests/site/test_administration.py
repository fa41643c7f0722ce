"""Backups made beside a writing site become sites again; checks name what is damaged and whose it is."""

import asyncio
import hashlib
import json
import threading

import pytest
from pysqlite3 import dbapi2

from twinlake.core.errors import ConflictError, InvalidInputError
from twinlake.holdings.catalogue.interfaces import ItemDraft, Managed
from twinlake.site.administration import backup, check, restore, write_nginx
from twinlake.site.build import open_services
from twinlake.site.layout import SiteFolder
from twinlake.site.settings import SiteSettings
from twinlake.testing.delivery_site import new_collection, new_item
from twinlake.testing.site import SiteProcess, local_site


async def put_item(services, name, *contents):
    """Put an item of collection ``c`` whose assets are *contents*."""
    holdings = {}
    for key, content in enumerate(contents):
        stored = await services.objects.put_bytes(content)
        holdings[f"a{key}"] = Managed(stored.sha256, stored.size_bytes)
    document = new_item(name, "c", {key: {"href": f"./{key}.bin"} for key in holdings})
    await services.catalogue.put_items([ItemDraft(document=document, holdings=holdings)])
    return holdings


@pytest.fixture
async def filled(tmp_path):
    """The settings of a site that is stopped; items ``one`` and ``two``, two objects each, one of them the same."""
    async with local_site(tmp_path) as site:
        await site.services.catalogue.put_collection(new_collection("c"))
        await put_item(site.services, "one", b"first", b"shared")
        await put_item(site.services, "two", b"second", b"shared")
        return site.services.folder.config


def path_of(config, content):
    sha256 = hashlib.sha256(content).hexdigest()
    return SiteFolder.of(config).objects / sha256[:2] / sha256


def change(path, data):
    path.chmod(0o644)
    path.write_bytes(data)


async def find_problems(config, *, read_objects=True):
    report = await check(config, read_objects=read_objects)
    return {finding.name: finding.problems for finding in report.findings if not finding.ok}


async def test_a_whole_site_has_no_problems(filled):
    report = await check(filled, read_objects=True)

    assert report.ok
    assert [finding.name for finding in report.findings] == ["database", "events", "catalogue", "objects"]
    assert report.orphans == ()


async def test_damaged_objects_are_named_with_the_assets_that_need_them(filled):
    path_of(filled, b"shared").unlink()
    change(path_of(filled, b"first"), b"longer than it was")
    change(path_of(filled, b"second"), b"SECOND")

    quick = (await find_problems(filled, read_objects=False))["objects"]
    thorough = (await find_problems(filled))["objects"]

    assert sorted(problem.partition(" ")[2].partition(" ")[2][65:] for problem in quick) == [
        "has another size than is cited: c/one/a0",
        "is missing: c/one/a1, c/two/a1",
    ]
    assert {*thorough} - {*quick} == {
        f"the object {hashlib.sha256(b'second').hexdigest()} has other bytes than its name: c/two/a0"
    }


async def test_what_nothing_cites_is_told_and_is_no_damage(filled):
    settings = SiteSettings.read(filled)
    async with open_services(settings, SiteFolder.of(filled)) as services:
        await services.objects.put_bytes(b"nobody's")

    report = await check(filled, read_objects=False)

    assert report.ok
    assert [orphan.size_bytes for orphan in report.orphans] == [8]


@pytest.mark.parametrize(
    ("damage", "where"),
    [
        ("update item set cloud_cover = 5 where id = 'one'", "catalogue"),
        ("delete from collection_month", "catalogue"),
        ("update event set number = number + 7 where seq = 2", "events"),
        ("delete from item_version where id = 'one'", "database"),
    ],
)
async def test_parts_that_disagree_are_found(filled, damage, where):
    connection = dbapi2.connect(str(SiteFolder.of(filled).database), isolation_level=None)
    connection.execute(damage)
    connection.close()

    assert where in await find_problems(filled)


async def test_a_running_site_is_not_checked(filled):
    with SiteFolder.of(filled).lock(), pytest.raises(ConflictError, match="is running"):
        await check(filled, read_objects=False)


async def test_a_backup_has_everything_that_a_site_is(filled, tmp_path):
    made = await backup(filled, tmp_path / "copy")
    brought_back = await restore(tmp_path / "copy", tmp_path / "again")

    assert (made.objects, made.damaged) == (3, ())
    assert (brought_back.objects, brought_back.missing) == (3, ())
    again = SiteFolder(tmp_path / "again")
    for name in ("site.toml", "site.key", "admin.token"):
        assert (again.path / name).read_bytes() == (filled.parent / name).read_bytes()
    assert (await check(again.config, read_objects=True)).ok
    settings = SiteSettings.read(again.config)
    async with open_services(settings, again) as services:
        await services.tokens.verify(again.admin_token.read_text().strip())
        page = await services.database.read(lambda tx: services.events.read(tx, after_seq=1, limit=100))
        assert page.gap is not None


async def test_policies_in_the_folder_are_copied_too(filled, tmp_path):
    (filled.parent / "rules.cedar").write_text('@id("all") permit(principal, action, resource);')
    filled.write_text(filled.read_text().replace('# file = ""', 'file = "rules.cedar"'))

    await backup(filled, tmp_path / "copy")
    await restore(tmp_path / "copy", tmp_path / "again")

    assert (tmp_path / "again" / "rules.cedar").read_text().startswith('@id("all")')


async def test_objects_are_not_swept_while_they_are_backed_up(filled):
    folder = SiteFolder.of(filled)

    async with folder.keep_objects():
        with folder.sweeping() as may_sweep:
            assert not may_sweep
    with folder.sweeping() as may_sweep:
        assert may_sweep


async def test_a_backup_waits_for_the_end_of_a_sweep(filled, tmp_path):
    with SiteFolder.of(filled).sweeping():
        made = asyncio.create_task(backup(filled, tmp_path / "copy"))
        done, _ = await asyncio.wait({made}, timeout=0.3)
        assert not done
        assert not (tmp_path / "copy").exists()

    assert not (await made).damaged


def read_event(stream):
    """Return the next event of a stream."""
    return next(json.loads(line.removeprefix("data: ")) for line in stream.iter_lines() if line.startswith("data: "))


@pytest.mark.slow
def test_a_site_that_goes_on_writing_is_backed_up_and_its_copy_serves(filled, tmp_path):
    done = threading.Event()
    written = []

    def write(site):
        with site.client() as client:
            while not done.is_set():
                name = f"during-{len(written)}"
                assert client.post("/stac/v2/collections/c/items", json=new_item(name, "c", {})).status_code == 201
                written.append(name)

    with SiteProcess(filled.parent) as site:
        writer = threading.Thread(target=write, args=(site,))
        writer.start()
        with site.client() as client, client.stream("GET", "/events") as events:
            heard = read_event(events)
        before = list(written)
        try:
            made = asyncio.run(backup(filled, tmp_path / "copy"))
        finally:
            done.set()
            writer.join()
    brought_back = asyncio.run(restore(tmp_path / "copy", tmp_path / "again"))

    assert not made.damaged
    assert not brought_back.missing
    assert asyncio.run(check(tmp_path / "again" / "site.toml", read_objects=True)).ok
    with SiteProcess(tmp_path / "again") as again, again.client() as client:
        found = client.get("/stac/v2/collections/c/items", params={"limit": 10_000}).json()
        ids = {feature["id"] for feature in found["features"]}
        assert {"one", "two", *before} <= ids <= {"one", "two", *written}
        assert client.get("/data/central/c/two/a0").content == b"second"
        with client.stream("GET", "/events", headers={"last-event-id": heard["id"]}) as events:
            assert read_event(events)["type"] == "eu.twinlake.events.gap"


class TestNginx:
    """The server block names what the site has."""

    async def test_it_names_gateway_objects_and_roots(self, filled, tmp_path):
        filled.write_text(filled.read_text().replace("# link_roots = []", f'link_roots = ["{tmp_path}/archive"]'))
        filled.write_text(filled.read_text().replace("port = 0", "port = 8700"))

        block = write_nginx(filled, listen="443 ssl")

        assert "listen 443 ssl;" in block
        assert "server 127.0.0.1:8700;" in block
        assert f'alias "{filled.parent}/objects/";' in block
        assert f'alias "{tmp_path}/archive/";' in block

    async def test_a_bucket_cannot_be_sent_by_nginx(self, filled):
        filled.write_text(filled.read_text() + "\n")
        text = filled.read_text().replace('# kind = "local"', 'kind = "s3"').replace('# bucket = ""', 'bucket = "lake"')
        filled.write_text(text)

        with pytest.raises(InvalidInputError, match="bucket"):
            write_nginx(filled, listen="80")
