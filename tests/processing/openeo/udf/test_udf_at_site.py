"""User-defined functions at a site that is served, with openEO's own client: at once, in batch jobs, and hostile ones."""

import json
import os
from importlib import metadata

import httpx2
import openeo
import pytest
from openeo.rest import JobFailedException, OpenEoApiError

from processing.openeo.folder_server import serving
from twinlake.site.layout import SiteFolder
from twinlake.site.settings import SiteSettings
from twinlake.site.user_code import find_user_code
from twinlake.testing.site import SiteProcess, make_site

pytestmark = pytest.mark.slow

QUICK = {"max_poll_interval": 0.1, "print": lambda _: None}
CUBE = {
    "type": "datacube",
    "order": ["t", "x"],
    "dimensions": {
        "t": {"type": "temporal", "values": ["2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"]},
        "x": {"type": "spatial", "axis": "x", "values": [1, 2, 3]},
    },
    "data": [[1.5, 2, None], [3, 4, 5]],
}
FUNCTION = "import xarray\ndef apply_datacube(cube: xarray.DataArray, context: dict) -> xarray.DataArray:\n    "


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Where files of a folder are served to everybody, and the folder."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with serving(folder) as address:
        yield address, folder


@pytest.fixture(scope="module")
def site(tmp_path_factory, elsewhere):
    settings = {"openeo.inline_cubes": True, "webhooks.allow": [elsewhere[0]]}
    with SiteProcess(make_site(tmp_path_factory.mktemp("udf")), settings=settings) as site:
        if find_user_code(SiteSettings()).program is None:
            pytest.skip("this machine lacks what user-defined functions are shut in with: apt-get install bubblewrap")
        yield site


@pytest.fixture(scope="module")
def connection(site):
    connection = openeo.connect(site.url)
    connection.authenticate_bearer_token(f"basic//{site.token}")
    return connection


def graph(line):
    return graph_of(f"{FUNCTION}{line}\n")


def graph_of(code):
    arguments = {"data": {"from_parameter": "data"}, "udf": code, "runtime": "Python"}
    reducer = {"process_graph": {"udf": {"process_id": "run_udf", "arguments": arguments, "result": True}}}
    return {
        "mean": {
            "process_id": "reduce_dimension",
            "arguments": {"data": CUBE, "dimension": "t", "reducer": reducer},
            "result": True,
        }
    }


def test_the_runtime_is_listed_with_its_libraries(connection):
    [(name, runtime)] = connection.list_udf_runtimes().items()

    assert (name, runtime["type"]) == ("Python", "language")
    assert runtime["versions"][runtime["default"]]["libraries"]["xarray"]["version"] == metadata.version("xarray")


def test_a_function_is_run_while_the_caller_waits(connection):
    assert connection.execute(graph("return cube.mean('t')"))["data"] == [2.25, 3, 5]


def test_a_mistake_is_told_with_its_line(connection):
    with pytest.raises(OpenEoApiError, match=r"udf.py, line 3: ZeroDivisionError: integer division or modulo by zero"):
        connection.execute(graph("return cube / (1 // 0)"))


def test_a_batch_job_has_in_its_log_what_the_function_prints(connection):
    job = connection.create_job(graph("print('max', float(cube.max())); return cube.mean('t')"))

    job.start_and_wait(**QUICK)

    [entry] = [each for each in job.logs() if "max" in each["message"]]
    assert (entry["message"], entry["level"]) == ("udf.py:3: max 5.0", "info")
    assert [each["node_id"] for each in entry["path"]] == ["udf", "mean"]
    assert job.get_results().get_asset().load_json()["data"] == [2.25, 3, 5]


def test_a_batch_job_that_fails_says_in_which_line(connection):
    job = connection.create_job(graph("raise ValueError('no such thing')"))

    with pytest.raises(JobFailedException):
        job.start_and_wait(**QUICK)

    assert any("udf.py, line 3: ValueError: no such thing" in each["message"] for each in job.logs(level="error"))


@pytest.mark.parametrize(
    "line",
    [
        "return cube.mean('t') + len(open({key!r}).read())",
        "return cube.mean('t') + len(open({database!r}, 'rb').read())",
        "import os; os.listdir({folder!r})",
        "import os; os.kill({site}, 9)",
        "import socket; socket.create_connection(('127.0.0.1', {port}))",
        "import os, glob; raise PermissionError(str(glob.glob({folder!r} + '/**')))",
    ],
)
def test_a_hostile_function_finds_nothing_of_the_site(site, connection, line):
    folder = SiteFolder.of(site.folder / "site.toml")
    found = {"key": str(folder.key), "database": str(folder.database), "folder": str(folder.path), "site": os.getpid()}

    with pytest.raises(OpenEoApiError, match=r"PermissionError|FileNotFoundError|ProcessLookupError") as error:
        connection.execute(graph(line.format(**found, port=int(site.url.rsplit(":", 1)[1]))))

    assert "site.toml" not in str(error.value).replace(line, "")
    assert connection.execute(graph("return cube.max('t')"))["data"] == [3, 4, 5]


def test_nothing_stays_from_one_request_to_the_next(connection):
    line = "import builtins; seen = getattr(builtins, 'seen', 0); builtins.seen = 1; return cube.max('t') * 0 + seen"

    assert [connection.execute(graph(line))["data"][1] for _ in range(4)] == [0, 0, 0, 0]


def test_code_in_a_file_of_the_user_is_taken_as_it_is_when_the_job_is_made(connection, tmp_path):
    """A job keeps the code that it was made with, whatever the file becomes."""
    (tmp_path / "mean.py").write_text(f"{FUNCTION}return cube.mean('t')")
    connection.upload_file(tmp_path / "mean.py", "udf/mean.py")
    assert connection.execute(graph_of("udf/mean.py"))["data"] == [2.25, 3, 5]
    job = connection.create_job(graph_of("udf/mean.py"))
    (tmp_path / "mean.py").write_text(f"{FUNCTION}return cube.max('t')")
    connection.upload_file(tmp_path / "mean.py", "udf/mean.py")

    job.start_and_wait(**QUICK)

    assert job.get_results().get_asset().load_json()["data"] == [2.25, 3, 5]
    assert connection.execute(graph_of("udf/mean.py"))["data"] == [3, 4, 5]
    assert connection.validate_process_graph(graph_of("udf/mean.py")) == []


def test_the_site_may_be_named_as_the_place_of_the_process(connection, tmp_path):
    (tmp_path / "max.py").write_text(f"{FUNCTION}return cube.max('t')")
    connection.upload_file(tmp_path / "max.py", "udf/named.py")
    sent = graph_of("udf/named.py")
    sent["mean"]["arguments"]["reducer"]["process_graph"]["udf"]["namespace"] = "backend"

    assert connection.execute(sent)["data"] == [3, 4, 5]


def test_a_call_is_found_however_its_letters_are_written(site, connection, tmp_path):
    """JSON may escape any letter of `run_udf`."""
    (tmp_path / "max.py").write_text(f"{FUNCTION}return cube.max('t')")
    connection.upload_file(tmp_path / "max.py", "udf/escaped.py")
    sent = json.dumps({"process": {"process_graph": graph_of("udf/escaped.py")}}).replace("run_udf", "run_\\u0075df")
    headers = {"authorization": f"Bearer basic//{site.token}", "content-type": "application/json"}

    answer = httpx2.post(f"{site.url}/openeo/1.2/result", content=sent, headers=headers, timeout=60)

    assert "run_udf" not in sent
    assert answer.json()["data"] == [3, 4, 5]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("udf/nothing.py", "FileNotFound"),
        ("../../../etc/passwd", "FilePathInvalid"),
        ("https://127.0.0.1:1/udf.py", "UrlUnsupported"),
        ("file:///etc/passwd", "FilePathInvalid"),
    ],
)
def test_code_that_cannot_be_got_is_refused_where_it_is_sent_in(connection, name, code):
    with pytest.raises(OpenEoApiError) as error:
        connection.create_job(graph_of(name))
    assert (error.value.http_status_code, error.value.code) == (400, code)
    [fault] = connection.validate_process_graph(graph_of(name))
    assert fault["code"] == code
    assert name.startswith("https:") or "if it does not begin with def or import" in fault["message"]


def test_a_function_of_one_line_is_code(connection):
    code = "def apply_datacube(cube: 'xarray.DataArray', context): return cube"

    assert [each["code"] for each in connection.validate_process_graph(graph_of(code))] != ["FilePathInvalid"]
    kept = connection.create_job(graph_of(code)).describe()["process"]["process_graph"]
    assert kept["mean"]["arguments"]["reducer"]["process_graph"]["udf"]["arguments"]["udf"] == code


def test_code_at_an_address_is_got_behind_the_guard(connection, elsewhere):
    """One that the settings let pass; what is there must be text."""
    address, folder = elsewhere
    (folder / "udf.py").write_text(f"{FUNCTION}return cube.mean('t')")
    (folder / "bytes.py").write_bytes(b"\xff\xfe\n")
    (folder / "long.py").write_bytes(b"#" * (2 << 20))

    assert connection.execute(graph_of(f"{address}/udf.py"))["data"] == [2.25, 3, 5]
    for name, said in (("bytes.py", "no text in UTF-8"), ("long.py", "more than 1 MiB"), ("no.py", "nothing at")):
        with pytest.raises(OpenEoApiError, match=said):
            connection.execute(graph_of(f"{address}/{name}"))
