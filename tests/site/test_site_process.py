"""The real command: what it makes, how it starts, answers, refuses and ends."""

import os
import re
import signal
import socket
from contextlib import asynccontextmanager

import httpx2
import pytest

from twinlake.core.clock import SystemClock
from twinlake.core.errors import InvalidInputError
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.site.doctor import examine
from twinlake.site.serve import running_site
from twinlake.site.settings import SiteSettings
from twinlake.site.setup import init_site
from twinlake.testing.delivery_site import new_collection, new_item
from twinlake.testing.site import SiteProcess, SiteStartError, local_site, make_site, run_twinlake

pytestmark = pytest.mark.slow


def put_items(client, collection, *names):
    """Put a collection and items of it over HTTP."""
    answer = client.post("/stac/v2/collections", json=new_collection(collection))
    assert answer.status_code in {201, 409}, answer.text
    for name in names:
        answer = client.post(f"/stac/v2/collections/{collection}/items", json=new_item(name, collection, {}))
        assert answer.is_success, answer.text


def list_ids(client, collection):
    """Return the ids of all items of a collection."""
    found = client.get(f"/stac/v2/collections/{collection}/items", params={"limit": 1000}).json()
    return {feature["id"] for feature in found["features"]}


def assert_whole(site):
    """Prove that a stopped site's parts agree."""
    checked = run_twinlake("admin", "fsck", "--config", site.config, "--scrub")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert re.findall(r"^ok +(\w+)", checked.stdout, re.MULTILINE) == ["database", "events", "catalogue", "objects"]


def test_init_makes_a_site_that_only_its_owner_can_open_and_never_makes_it_twice(tmp_path):
    folder = tmp_path / "lake"
    assert run_twinlake("init", folder, "--id", "lake-1", "--yes").returncode == 0

    assert {path.name for path in folder.iterdir()} == {"site.toml", "site.key", "admin.token", "state", "objects", "staging"}
    for secret in ("site.key", "admin.token"):
        assert (folder / secret).stat().st_mode & 0o777 == 0o600
    assert (folder / "state").stat().st_mode & 0o777 == 0o700
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    again = run_twinlake("init", folder, "--yes")

    assert again.returncode == 1
    assert "There is a site in" in again.stderr
    assert "twinlake serve" in again.stderr
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(("wrong", "said"), [({"site_id": "../x"}, "id"), ({"port": 70000}, "server.port")])
async def test_init_refuses_what_cannot_be_and_leaves_nothing(tmp_path, wrong, said):
    with pytest.raises(InvalidInputError, match=said):
        await init_site(
            tmp_path / "lake", clock=SystemClock(), randomness=SYSTEM_RANDOMNESS, **({"site_id": "lake", "port": 0} | wrong)
        )

    assert not (tmp_path / "lake").exists()


def test_a_site_tells_how_it_is_to_anybody_and_its_figures_to_administrators(steady):
    with steady.client() as client, steady.anonymous() as nobody:
        health = nobody.get("/health")
        assert (health.status_code, health.json()["status"], health.json()["site"]) == (200, "ok", "central")
        assert nobody.get("/metrics").status_code == 401
        metrics = client.get("/metrics")
        assert metrics.status_code == 200
        assert 'route="/health"' in metrics.text


def test_the_protocol_of_the_children_cannot_be_reached_from_outside(steady):
    with steady.client() as client:
        for path in (
            "/internal/",
            "/internal/runs/1/heartbeat",
            "//internal/runs/1",
            "/%69nternal/runs/1",
            "/stac/v2/../../internal/runs/1",
        ):
            for method in ("GET", "POST", "PUT"):
                assert client.request(method, path).status_code in {404, 405}, path
    assert (steady.folder / "state" / "gateway.sock").stat().st_mode & 0o777 == 0o600


def test_the_log_is_json_and_no_secret_is_in_it_or_in_an_answer(running):
    secret = running.token.partition(".")[2]
    with running.client() as client, running.anonymous() as nobody:
        answers = [
            client.get("/stac/v2/collections/none"),
            client.get("/stac/v2/search", params={"limit": "many", "token": running.token}),
            client.post("/stac/v2/search", content=b"\xff\xfe{"),
            client.put("/stac/v2/collections/none/items/x", content=running.token),
            nobody.post("/jobs", json={"token": running.token}),
            nobody.get("/data/central/a/b/c", params={"signature": running.token}),
            nobody.get("/api/audit", headers={"authorization": f"Bearer {running.token}x"}),
            nobody.get("/api/me", headers={"authorization": "Bearer tl_0123456789abcdef." + "S" * 43}),
        ]
    running.stop()

    for answer in answers:
        assert answer.status_code < 500
        assert "Traceback" not in answer.text
        assert secret not in answer.text
    assert secret not in running.raw_log()
    lines = running.log()
    assert {line["event"] for line in lines} == {"request"}
    tickets = {line["ticket"] for line in lines}
    problem = answers[0].json()
    assert {"code", "remedy", "request_id", "ticket"} <= problem.keys()
    assert all(answer.json()["ticket"] in tickets for answer in answers if answer.is_error and "ticket" in answer.json())
    assert sum("ticket" in answer.json() for answer in answers if answer.is_error) >= 4


def test_a_taken_port_is_named(tmp_path):
    folder = make_site(tmp_path / "lake")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        site = SiteProcess(folder, settings={"server.port": port})

        with pytest.raises(SiteStartError, match=f"Cannot listen on 127.0.0.1:{port}: Address already in use") as caught:
            site.start()

    assert "TWINLAKE_SERVER__PORT" in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_second_serve_of_one_folder_is_refused_and_the_first_goes_on(steady):
    second = SiteProcess(steady.folder)

    with pytest.raises(SiteStartError, match="is running, or another command works on it"):
        second.start()

    with steady.client() as client:
        assert client.get("/health").status_code == 200


def test_a_site_ends_when_it_is_told_although_readers_stay(running):
    with running.client(timeout=None) as client:
        put_items(client, "c", "a", "b")
        with client.stream("GET", "/events", params={"from_id": "0"}) as events:
            lines = events.iter_lines()
            next(lines)
            os.kill(running.process_id, signal.SIGTERM)
            for _ in lines:  # the stream is ended by the site
                pass
    assert running.stop() == 0

    assert not (running.folder / "state" / "site.db-wal").exists()
    assert_whole(running)
    assert all(line["level"] == "info" for line in running.log())


def test_a_site_that_was_killed_starts_again_at_once_with_everything(running):
    with running.client() as client:
        put_items(client, "c", *"abc")
    running.kill()
    running.restart()

    with running.client() as client:
        assert list_ids(client, "c") == set("abc")
    running.stop()
    assert_whole(running)


async def test_sites_in_one_process_share_nothing(tmp_path):
    async with local_site(tmp_path, site_id="east") as east, local_site(tmp_path, site_id="west") as west:
        east_token, west_token = [await site.token("admin", roles={"administrator"}) for site in (east, west)]
        async with east.client(east_token) as at_east, west.client(west_token) as at_west:
            assert (await at_east.post("/stac/v2/collections", json=new_collection("only-east"))).status_code == 201
            assert (await at_west.get("/stac/v2/collections/only-east")).status_code == 404
            for _ in range(3):
                await at_west.get("/health")
            for client, site in ((at_east, "east"), (at_west, "west")):
                assert (await client.get("/api/me")).json()["principal"] == f"urn:twinlake:site:{site}|admin"
            east_metrics = (await at_east.get("/metrics")).text
        async with west.client(east_token) as stranger:
            assert (await stranger.get("/api/me")).status_code == 401

        assert 'route="/health"' not in east_metrics
        assert {line["site"] for line in east.log()} == {"east"}
        assert {line["site"] for line in west.log()} == {"west"}
        assert east.services.folder.derive_key("page tokens") != west.services.folder.derive_key("page tokens")


@asynccontextmanager
async def served(folder, site_id):
    """Make a site and serve it in this process, on a port of its own; yields a client of its administrator."""
    made = await init_site(folder, site_id=site_id, port=0, clock=SystemClock(), randomness=SYSTEM_RANDOMNESS)
    async with running_site(SiteSettings.read(made.config), made) as url:
        headers = {"authorization": f"Bearer {made.admin_token.read_text().strip()}"}
        async with httpx2.AsyncClient(base_url=url, headers=headers) as client:
            yield client


async def test_sites_served_by_one_process_have_their_own_ports_and_holdings(tmp_path):
    async with served(tmp_path / "e", "east") as east, served(tmp_path / "w", "west") as west:
        assert east.base_url != west.base_url
        assert (await east.post("/stac/v2/collections", json=new_collection("c"))).status_code == 201
        assert (await east.post("/stac/v2/collections/c/items", json=new_item("a", "c", {}))).status_code == 201

        assert (await west.get("/stac/v2/collections/c")).status_code == 404
        assert (await west.get("/api/me", headers={"authorization": east.headers["authorization"]})).status_code == 401
        for client, name in ((east, "east"), (west, "west")):
            assert (await client.get("/health")).json()["site"] == name
            assert str(client.base_url).rstrip("/") in (await client.get("/stac/v2")).text


class TestDoctor:
    """`twinlake doctor` finds what keeps a site from running, and says what to do."""

    def test_a_good_site(self, tmp_path):
        folder = make_site(tmp_path / "lake")

        found = run_twinlake("doctor", "--config", folder / "site.toml")

        assert found.returncode == 0
        names = re.findall(r"^ok +([\w. ]+):", found.stdout, re.MULTILINE)
        assert names == ["SQLite", "Python", "settings", "site.key", "admin.token", "disk", "user code", "database", "port"]

    def test_a_running_site(self, steady):
        found = run_twinlake("doctor", "--config", steady.config)

        assert found.returncode == 0
        assert "the site is up" in found.stdout

    @pytest.mark.parametrize(
        ("damage", "said"),
        [
            (lambda folder: (folder / "site.toml").unlink(), ["settings", "There is no", "twinlake init"]),
            (lambda folder: (folder / "site.toml").write_text("[server]\nprot = 1"), ["settings", "Did you mean 'server.port'?"]),
            (lambda folder: (folder / "site.key").unlink(), ["site.key", "is missing", "Restore it"]),
            (lambda folder: (folder / "site.key").chmod(0o644), ["site.key", "mode 0644", "chmod 600"]),
            (lambda folder: (folder / "admin.token").chmod(0o640), ["admin.token", "mode 0640", "chmod 600"]),
            (
                lambda folder: (folder / "state" / "site.db").write_bytes(b"no database at all" * 500),
                ["database", "twinlake admin restore"],
            ),
        ],
    )
    def test_a_damaged_site(self, tmp_path, damage, said):
        folder = make_site(tmp_path / "lake")
        damage(folder)

        [complaint] = [finding for finding in examine(folder / "site.toml") if not finding.ok]

        told = f"{complaint.name} {complaint.detail} {complaint.remedy}"
        assert all(words in told for words in said), told

    def test_a_taken_port(self, tmp_path):
        folder = make_site(tmp_path / "lake")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            settings = {"server.port": taken.getsockname()[1]}
            found = run_twinlake("doctor", "--config", folder / "site.toml", settings=settings)

        assert found.returncode == 1
        assert re.search("^FAIL port: .*Address already in use\n     Stop what listens there", found.stdout, re.MULTILINE)
