"""The openEO API of a whole site, with openEO's own client and by hand."""

import openeo
import pytest

from twinlake.testing.site import SiteProcess, make_site

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with SiteProcess(make_site(tmp_path_factory.mktemp("openeo")), settings={"openeo.inline_cubes": True}) as site:
        yield site


@pytest.fixture(scope="module")
def token(site):
    return (site.folder / "admin.token").read_text().strip()


@pytest.fixture(scope="module")
def connection(site, token):
    connection = openeo.connect(site.url)
    connection.authenticate_bearer_token(f"basic//{token}")
    return connection


def graph(process_id, **arguments):
    return {"process_graph": {"n": {"process_id": process_id, "arguments": arguments, "result": True}}}


def test_the_client_finds_the_api_and_its_processes(connection):
    capabilities = connection.capabilities()

    assert capabilities.api_version() == "1.2.0"
    assert capabilities.supports_endpoint("/validation", method="POST")
    described = {each["id"]: each for each in connection.list_processes()}
    assert described["add"]["parameters"][0]["name"] == "x"
    assert all(type(each["twinlake:version"]) is int and each["twinlake:version"] > 0 for each in described.values())
    assert connection.list_file_formats()["output"].keys() >= {"GTiff", "netCDF", "Zarr", "Parquet", "JSON"}


def test_the_client_computes(connection):
    from openeo.processes import add, mean

    assert connection.execute(add(1, mean([2, None, 4])).flat_graph()) == 4


def test_the_client_is_told_what_is_wrong_with_a_graph(connection):
    with pytest.raises(openeo.rest.OpenEoApiError, match="ProcessParameterRequired") as refused:
        connection.execute(graph("add", x=1)["process_graph"], validate=False)

    assert refused.value.http_status_code == 400
    assert connection.validate_process_graph(graph("add", x=1)["process_graph"])[0]["code"] == "ProcessParameterRequired"


def test_a_validation_tells_all_faults_with_node_and_argument(site):
    inner = {"i": {"process_id": "absolute", "arguments": {"x": {"from_parameter": "y"}}, "result": True}}
    nodes = {
        "a": {"process_id": "add", "arguments": {"x": {"from_node": "b"}, "y": "1"}},
        "c": {"process_id": "nosuch", "arguments": {}},
        **graph("array_apply", data=[1], process={"process_graph": inner})["process_graph"],
    }
    with site.client() as client:
        errors = client.post("/openeo/1.2/validation", json={"process_graph": nodes}).json()["errors"]

    assert [(each["code"], each["node"], each.get("argument")) for each in errors] == [
        ("ProcessGraphInvalid", "a", "x"),
        ("ProcessParameterInvalid", "a", "y"),
        ("ProcessUnsupported", "c", None),
        ("ProcessGraphInvalid", "n/i", "x"),
    ]


def test_the_client_is_told_who_it_is(connection):
    assert connection.describe_account()["user_id"] == "central.admin"


def test_other_versions_are_refused_in_the_form_of_openeo(site):
    forged = {"authorization": "Bearer basic//forged"}
    with site.anonymous() as client:
        for path in ("1.1/", "1.3/jobs", "1.20", "1.0.0/files/a", ""):
            refused = client.get(f"/openeo/{path}")
            assert (refused.status_code, refused.json()["code"]) == (404, "UnsupportedApiVersion"), path
            assert refused.json()["message"].endswith("GET /.well-known/openeo tells where.")
        posted = client.post("/openeo/1.1/jobs", json={})
        unknown = client.get("/openeo/1.1/me", headers=forged)

    assert (posted.status_code, posted.json()["code"]) == (404, "UnsupportedApiVersion")
    assert (unknown.status_code, unknown.json()["code"]) == (403, "TokenInvalid")


def test_endpoints_are_listed_as_the_standard_writes_them(site):
    with site.anonymous() as client:
        paths = {each["path"] for each in client.get("/openeo/1.2/").json()["endpoints"]}

    assert {"/files/{path}", "/jobs/{job_id}"} <= paths
    assert not [path for path in paths if ":" in path]


def test_a_validation_without_a_process_is_none(site):
    with site.client() as client:
        nothing = client.post("/openeo/1.2/validation", content=b"")
        empty = client.post("/openeo/1.2/validation", json={})

    assert (nothing.status_code, nothing.json()["code"]) == (400, "ProcessInvalid")
    assert (empty.status_code, empty.json()["errors"][0]["code"]) == (200, "ProcessGraphMissing")


def test_nobody_in_particular_may_look_and_not_compute(site):
    with site.anonymous() as client:
        assert client.get("/openeo/1.2").json()["api_version"] == "1.2.0"
        assert client.get("/openeo/1.2/processes?limit=1").json()["links"][0]["rel"] == "next"
        refused = client.post("/openeo/1.2/result", json={"process": graph("add", x=1, y=2)})
        unknown = client.get("/openeo/1.2/nothing")
        forged = client.get("/openeo/1.2/me", headers={"authorization": "Bearer oidc/dedl/no.token.really"})

    assert (refused.status_code, refused.json()["code"]) == (401, "AuthenticationRequired")
    assert "authenticate_oidc()" in refused.json()["message"]
    assert (unknown.status_code, unknown.json()["code"]) == (404, "NotFound")
    assert unknown.json()["message"] == "There is no '/nothing' here. GET /openeo/1.2/ tells which endpoints there are."
    assert (forged.status_code, forged.json()["code"]) == (403, "TokenInvalid")


@pytest.mark.parametrize(
    ("process_id", "arguments", "text"),
    [
        ("mean", {"data": []}, "null"),
        ("add", {"x": 2**62, "y": 2**62}, "9.223372036854776e+18"),
        ("absolute", {"x": -3}, "3"),
    ],
)
def test_results_are_bare_json(site, process_id, arguments, text):
    with site.client() as client:
        answer = client.post("/openeo/1.2/result", json={"process": graph(process_id, **arguments)})

    assert (answer.status_code, answer.text) == (200, text)
    assert answer.headers["openeo-identifier"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "ProcessInvalid"),
        (b"[]", "ProcessInvalid"),
        (b"{}", "ProcessInvalid"),
        (b'{"process": {}}', "ProcessGraphMissing"),
        (b'{"process": {"process_graph": {}}}', "ProcessGraphMissing"),
        (b"[" * 100_000, "ProcessInvalid"),
        (b'{"process": {"process_graph": ' + b'{"a":' * 100 + b"1" + b"}" * 100 + b"}}", "ProcessGraphInvalid"),
    ],
)
def test_what_is_no_process_is_refused_in_words_of_openeo(site, body, code):
    with site.client() as client:
        answer = client.post("/openeo/1.2/result", content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert answer.json()["message"]


def test_the_client_keeps_processes_of_ones_own(connection):
    from openeo.api.process import Parameter
    from openeo.processes import multiply

    x, by = Parameter.number("x", "Value."), Parameter.number("by", "Factor.", default=10)
    connection.save_user_defined_process("scaled", multiply(x, by), parameters=[x, by], summary="Scaled")

    assert [each["id"] for each in connection.list_user_defined_processes()] == ["scaled"]
    assert connection.user_defined_process("scaled").describe()["parameters"][1]["default"] == 10
    assert connection.execute(graph("scaled", x=4)["process_graph"]) == 40
    connection.user_defined_process("scaled").delete()
    with pytest.raises(openeo.rest.OpenEoApiError, match="ProcessUnsupported"):
        connection.execute(graph("scaled", x=4)["process_graph"])


def test_a_process_of_ones_own_is_ones_own(site):
    path, process = "/openeo/1.2/process_graphs/mine", graph("add", x=1, y=2)
    with site.client() as owner, site.anonymous() as nobody:
        assert owner.put(path, json=process).status_code == 200
        assert nobody.get(path).status_code == 401
        made = owner.post("/api/tokens", json={"owner": "urn:twinlake:site:central|ada", "name": "ada", "scopes": ["process"]})
        with site.client(made.json()["token"]) as ada:
            assert ada.get(path).json()["code"] == "ProcessGraphNotFound"
            assert ada.delete(path).status_code == 404
        assert owner.get(path).json() == {"id": "mine", **process}
        assert owner.delete(path).status_code == 204


@pytest.mark.parametrize(
    ("process_id", "process", "code"),
    [
        ("add", graph("add", x=1, y=2), "PredefinedProcessExists"),
        ("a-b", graph("add", x=1, y=2), "ProcessInvalid"),
        ("mine", {}, "ProcessGraphMissing"),
        ("mine", graph("nosuch"), "ProcessUnsupported"),
        ("mine", graph("mine"), "ProcessGraphInvalid"),
        ("mine", graph("add", x={"from_parameter": "p"}, y=1), "ProcessGraphInvalid"),
    ],
)
def test_what_cannot_be_called_is_not_kept(site, process_id, process, code):
    with site.client() as client:
        answer = client.put(f"/openeo/1.2/process_graphs/{process_id}", json=process)
        kept = client.get("/openeo/1.2/process_graphs").json()["processes"]

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert kept == []


def test_cubes_in_json_are_computed_where_the_site_lets_them(site):
    cube = {
        "type": "datacube",
        "order": ["t", "x"],
        "dimensions": {
            "t": {"type": "temporal", "values": ["2020", "2021"]},
            "x": {"type": "spatial", "axis": "x", "values": [1, 2]},
        },
        "data": [[1.5, None], [2.5, 3.0]],
    }
    mean = graph("mean", data={"from_parameter": "data"})
    with site.client() as client:
        process = graph("reduce_dimension", data=cube, reducer=mean, dimension="t")
        answer = client.post("/openeo/1.2/result", json={"process": process})

    assert (answer.status_code, answer.json()["data"]) == (200, [2.0, 3.0])
