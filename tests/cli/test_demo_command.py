"""The demonstration tells its whole story and checks itself."""

import json
import socket

import pytest

from twinlake.cli.demo.sources import list_sources
from twinlake.core.errors import NotFoundError
from twinlake.testing.site import run_twinlake


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def data(tmp_path):
    try:
        return [source.find(tmp_path) for source in list_sources()]
    except NotFoundError as error:
        pytest.skip(f"{error.message} {error.remedy}")


@pytest.mark.slow
@pytest.mark.usefixtures("data")
def test_the_story_is_told_once(tmp_path, port):
    told = run_twinlake("demo", "--once", "--port", str(port), "--dir", str(tmp_path / "demo"), cwd=tmp_path)

    assert (told.returncode, told.stderr) == (0, ""), told.stdout
    steps = json.loads((tmp_path / "build/demo-report.json").read_text())
    assert [step["name"] for step in steps] == ["site", "taken in", "found", "fetched and verified", "announced", "console"]
    assert all(step["ok"] and step["seconds"] >= 0 for step in steps)
    figures = {step["name"]: step["figures"] for step in steps}
    assert figures["taken in"]["collections"] >= 6
    assert figures["announced"]["announced"] == figures["taken in"]["items"]
    assert (tmp_path / "demo/central/admin.token").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_no_demonstration_made_is_left_alone(tmp_path, port):
    (tmp_path / "mine.txt").write_text("keep me")

    told = run_twinlake("demo", "--once", "--port", str(port), "--dir", str(tmp_path), cwd=tmp_path)

    assert told.returncode == 1
    assert "DIR=" in told.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name != "build"] == ["mine.txt"]


@pytest.mark.usefixtures("data")
def test_a_taken_port_is_the_step_that_failed(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        told = run_twinlake("demo", "--once", "--port", str(port), "--dir", str(tmp_path / "demo"), cwd=tmp_path)

    assert told.returncode == 1
    assert "failed: site" in told.stdout
    assert "Cannot listen" in told.stdout
