"""openEO's own client for JavaScript, unmodified, in a browser, on a page of another origin than the site's."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from processing.openeo.scenes_site import make_account, make_robot, make_scenes, run_scenes_site

pytestmark = pytest.mark.slow
_MODULES = Path(__file__).parents[3] / "frontend/node_modules"
_SCRIPTS = ("axios/dist/axios.min.js", "oidc-client/dist/oidc-client.min.js", "@openeo/js-client/openeo.min.js")
LOAD = {
    "process_id": "load_collection",
    "arguments": {"id": "scenes", "spatial_extent": None, "temporal_extent": None, "bands": ["B04"]},
}
FIRST = {"process_graph": {"n": {"process_id": "first", "arguments": {"data": {"from_parameter": "data"}}, "result": True}}}
IMAGE = {
    "load": LOAD,
    "first": {"process_id": "reduce_dimension", "arguments": {"data": {"from_node": "load"}, "dimension": "t", "reducer": FIRST}},
    "look": {"process_id": "inspect", "arguments": {"data": {"from_node": "first"}, "message": "so far"}},
}


def saved(format_):
    return {
        **IMAGE,
        "save": {"process_id": "save_result", "arguments": {"data": {"from_node": "look"}, "format": format_}, "result": True},
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("js")


@pytest.fixture(scope="module")
def site(folder):
    make_scenes(folder)
    with run_scenes_site(folder) as site:
        yield site


class _Editor(BaseHTTPRequestHandler):
    """An empty page."""

    def do_GET(self):
        body = b"<!doctype html><title>Editor</title>"
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def editor():
    """Where programs in browsers come from: another origin than the site's."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Editor) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def page(site, editor, need_command):  # in this order: the loop of playwright runs until the end
    executable = need_command("chromium", "chromium fonts-dejavu-core")
    scripts = [_MODULES / each for each in _SCRIPTS]
    if not all(each.exists() for each in scripts):
        pytest.skip("openEO's client is not installed: make setup")
    from playwright.sync_api import sync_playwright

    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"]) as browser,
    ):
        page = browser.new_page()
        page.goto(editor)
        for each in scripts:
            page.add_script_tag(path=each)
        yield page


def run(page, script, **given):
    """Return what the body of a function makes, which has `con`, a connection, and all that is *given*."""
    names = ", ".join(given)
    return page.evaluate(
        f"async ({{{names}}}) => {{ const con = await OpenEO.connect(url); {SIGN_IN if 'password' in given else ''} {script} }}",
        given,
    )


SIGN_IN = "await con.authenticateBasic(username, password);"


@pytest.fixture(scope="module")
def alice(site, folder):
    return {"url": site.url, "username": "alice", "password": make_account(site, folder, "alice")}


def test_what_there_is_is_listed(page, site):
    found = run(
        page,
        """
        const collections = await con.listCollections();
        const pages = con.paginateProcesses();
        let processes = [];
        while (pages.hasNextPage()) processes = processes.concat(await pages.nextPage([], true));
        const items = con.listCollectionItems("scenes", [2, 50, 4, 51], ["2024-01-10T00:00:00Z", "2024-02-01T00:00:00Z"]);
        return {
            version: con.capabilities().apiVersion(),
            collections: collections.collections.map(each => each.id),
            bands: (await con.describeCollection("scenes")).summaries.bands.map(each => each.name),
            items: (await items.nextPage()).map(each => each.id),
            processes: processes.map(each => each.id),
            formats: Object.keys((await con.listFileTypes()).getOutputTypes()),
            runtimes: (await con.listUdfRuntimes()) !== null,
            services: Object.keys(await con.listServiceTypes()),
            providers: (await con.listAuthProviders()).map(each => [each.getType(), each.getProviderId()]),
            can: ["createJob", "computeResult", "validateProcess", "uploadFile", "createService"].map(each => con.capabilities().hasFeature(each)),
        };
        """,
        url=site.url,
    )

    assert (found["version"], found["collections"], found["bands"]) == ("1.2.0", ["scenes"], ["B04", "B08"])
    assert found["items"] == ["s_20240120"]
    assert {"add", "load_stac", "aggregate_spatial"} <= set(found["processes"])
    assert {"GTIFF", "NETCDF", "ZARR"} <= {each.upper() for each in found["formats"]}
    assert found["services"] == ["XYZ"]
    assert sorted(found["providers"]) == [["basic", ""], ["oidc", "dedl"]]
    assert found["can"] == [True] * 5


def test_a_graph_is_checked_and_computed(page, alice):
    found = run(
        page,
        """
        const wrong = {n: {process_id: "add", arguments: {x: 1}, result: true}};
        const sum = await con.computeResult({n: {process_id: "add", arguments: {x: 1, y: 2}, result: true}});
        const image = await con.computeResult(graph);
        let refused = null;
        try { await con.computeResult(wrong); } catch (error) { refused = [error.status, error.code]; }
        return {
            user: (await con.describeAccount()).user_id,
            faults: (await con.validateProcess(wrong)).map(each => each.code),
            right: (await con.validateProcess(graph)).length,
            sum: JSON.parse(await sum.data.text()),
            image: [image.type, image.data.size, Array.from(new Uint8Array(await image.data.slice(0, 4).arrayBuffer()))],
            refused: refused,
        };
        """,
        graph=saved("GTiff"),
        **alice,
    )

    assert found["user"]
    assert (found["faults"], found["right"], found["sum"]) == (["ProcessParameterRequired"], 0, 3)
    assert found["image"][0].startswith("image/tiff")
    assert found["image"][1] > 1000
    assert found["image"][2] == [0x49, 0x49, 0x2A, 0x00]
    assert found["refused"] == [400, "ProcessParameterRequired"]


def test_a_job_is_made_followed_and_its_results_are_got(page, alice):
    found = run(
        page,
        """
        const job = await con.createJob(graph, "Title", "Text", null, null, {job_options: {a: 1}});
        const created = [job.status, job.title];
        const estimate = await job.estimateJob();
        await job.updateJob({title: "Other"});
        await job.startJob();
        const states = [];
        await new Promise(resolve => job.monitorJob(seen => {
            states.push(seen.status);
            if (["finished", "error", "canceled"].includes(seen.status)) resolve();
        }, 1));
        const stac = await job.getResultsAsStac();
        const links = await job.listResults();
        const bytes = await con.download(stac.assets["result.json"].href, false);
        const logs = await job.debugJob("info").nextLogs();
        const listed = (await con.listJobs()).map(each => [each.id === job.id, each.title]);
        await job.deleteJob();
        return {created, estimate, states, type: stac.type, links: links.length, bytes: await bytes.text(),
                logs: logs.map(each => each.message), listed, left: (await con.listJobs()).length};
        """,
        graph=saved("JSON"),
        **alice,
    )

    assert found["created"] == ["created", "Title"]
    assert found["estimate"]["duration"].startswith("PT")
    assert found["states"][-1] == "finished"
    assert found["type"] == "Collection"
    assert found["links"] >= 1
    assert "so far" in found["logs"]
    assert found["listed"] == [[True, "Other"]]
    assert found["left"] == 0
    assert json.loads(found["bytes"])["order"] == ["bands", "y", "x"]


def test_processes_files_and_maps_of_ones_own(page, alice):
    found = run(
        page,
        """
        const process = {
            parameters: [{name: "x", description: "", schema: {type: "number"}}],
            process_graph: {n: {process_id: "add", arguments: {x: {from_parameter: "x"}, y: 1}, result: true}},
        };
        const kept = await con.setUserProcess("one_more", process);
        const sum = await con.computeResult({n: {process_id: "one_more", namespace: "user", arguments: {x: 1}, result: true}});
        const named = (await con.listUserProcesses()).map(each => each.id);
        await kept.replaceUserProcess({...process, summary: "One more"});
        const summary = (await con.getUserProcess("one_more")).summary;
        await kept.deleteUserProcess();

        const file = await con.uploadFile(new Blob(["a,b"]), "folder/a.csv");
        const files = (await con.listFiles()).map(each => [each.path, each.size]);
        const content = await (await (await con.getFile("folder/a.csv")).retrieveFile()).text();
        await file.deleteFile();

        const service = await con.createService(graph, "XYZ", "Map");
        const described = await service.describeService();
        await service.updateService({title: "Other map"});
        const services = (await con.listServices()).map(each => each.title);
        await service.deleteService();
        return {named, summary, sum: JSON.parse(await sum.data.text()), files, content, url: described.url, services,
                left: [(await con.listUserProcesses()).length, (await con.listFiles()).length,
                       (await con.listServices()).length]};
        """,
        graph=saved("PNG"),
        **alice,
    )

    assert (found["named"], found["summary"], found["sum"]) == (["one_more"], "One more", 2)
    assert found["files"] == [["folder/a.csv", 3]]
    assert found["content"] == "a,b"
    assert "{z}/{x}/{y}" in found["url"]
    assert found["services"] == ["Other map"]
    assert found["left"] == [0, 0, 0]


def test_a_program_signs_in_by_openid_connect(page, site, folder):
    """Its own client credentials fail in browsers (`Environment.axios` is not there), so the token is got without it."""
    token_url = f"{site.url}/auth/realms/dedl/protocol/openid-connect/token"
    given = {"grant_type": "client_credentials", "scope": "openid search read process"}
    answer = requests.post(token_url, data=given, auth=make_robot(site, folder), timeout=10)
    found = run(
        page,
        """
        con.setAuthToken("oidc", "dedl", token);
        return [con.isAuthenticated(), (await con.describeAccount()).user_id, (await con.listJobs()).length];
        """,
        url=site.url,
        token=answer.json()["access_token"],
    )

    assert found[0] is True
    assert found[1]
    assert found[2] == 0
