"""The demonstration tells its whole story and checks itself."""

import json
import re
import socket
import sysconfig
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.io import netcdf_file

from twinlake.cli.demo.sources import list_sources
from twinlake.cli.demo.story import runnable_command
from twinlake.core.errors import NotFoundError
from twinlake.testing.site import run_twinlake

pytestmark = pytest.mark.slow


@pytest.fixture
def port():
    """The first of three free ports in a row."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as stack:
            first = listener.getsockname()[1]
            try:
                for port in (first + 1, first + 2):
                    stack.enter_context(socket.create_server(("127.0.0.1", port)))
            except (OSError, OverflowError):
                continue
            return first


@pytest.fixture
def data(tmp_path):
    try:
        return [source.find(tmp_path) for source in list_sources()]
    except NotFoundError as error:
        pytest.skip(f"{error.message} {error.remedy}")


def measure_el_nino():
    """Return anomalies by month: of whole cells, weighted by the cosine of their latitude."""
    with xr.open_dataset(sample("iris_sample_data", "sample_data/ostia_monthly.nc")) as data:
        temperature = data["surface_temperature"].load()
    west, east = temperature.longitude % 360 >= 190, temperature.longitude % 360 <= 240
    here = temperature.where(west & east & (abs(temperature.latitude) <= 5))
    months = here.groupby("time.month")
    means = (months - months.mean()).weighted(np.cos(np.deg2rad(here.latitude))).mean(["latitude", "longitude"])
    return dict(zip(means.time.dt.strftime("%Y-%m").values.tolist(), means.values.tolist(), strict=True))


def measure_vegetation():
    """Return the mean of the index over all pixels."""
    bands = {}
    for name in ("red", "nir"):
        with netcdf_file(sample("xrspatial", f"datasets/sentinel-2/{name}_band.nc"), mmap=False) as file:
            bands[name] = file.variables["__xarray_dataarray_variable__"].data.astype(float)
    return np.nanmean((bands["nir"] - bands["red"]) / (bands["nir"] + bands["red"]))


def sample(package, name):
    return Path(find_spec(package).origin).parent / name


@pytest.mark.timeout(400)  # three sites and their children, on a machine that may be busy
@pytest.mark.usefixtures("data")
def test_the_story_is_told_once(tmp_path, port):
    told = run_twinlake("demo", "--once", "--port", str(port), "--dir", str(tmp_path / "demo"), cwd=tmp_path)

    assert (told.returncode, told.stderr) == (0, ""), told.stdout
    assert re.search(r" 1 file +[\d.]+ MB +1 item\n", told.stdout)
    assert not re.search(r"\b1 (files|items|assets)\b", told.stdout)
    steps = json.loads((tmp_path / "build/demo-report.json").read_text())
    assert [step["name"] for step in steps] == [
        "sites", "joined", "taken in", "signed in", "found", "fetched and verified", "announced", "lost and back", "services",
        "let in", "anomalies", "mitigation", "vegetation", "console",
    ]  # fmt: skip
    assert all(step["ok"] and step["seconds"] >= 0 for step in steps)
    figures = {step["name"]: step["figures"] for step in steps}
    assert figures["taken in"]["collections"] >= 8
    assert figures["signed in"] == {"passwords_given": 1, "sites": 3}
    assert figures["found"]["sites"] == figures["fetched and verified"]["sites"] == 3
    assert figures["lost and back"]["missing"] == ["climate"]
    assert figures["lost and back"]["found_without"] < figures["lost and back"]["found_again"] == figures["taken in"]["items"]
    assert figures["announced"]["announced"] == figures["taken in"]["items"]
    assert figures["let in"]["name"] == "researcher"
    months, warmest, coolest = (figures["anomalies"][name] for name in ("months", "warmest", "coolest"))
    expected = measure_el_nino()
    assert months == len(expected)
    assert (
        (warmest[0], coolest[0]) == (max(expected, key=expected.get), min(expected, key=expected.get)) == ("2010-01", "2007-11")
    )
    assert [warmest[1], coolest[1]] == pytest.approx([expected["2010-01"], expected["2007-11"]], abs=0.05)
    mitigation = figures["mitigation"]
    assert mitigation["Canada"] > mitigation["United States of America"] > mitigation["Mexico"] > 2
    assert figures["vegetation"]["mean"] == pytest.approx(measure_vegetation(), abs=1e-6)
    assert figures["vegetation"]["painted"] > 5000
    assert {each.name for each in (tmp_path / "demo").iterdir()} >= {"ndvi.tif"}
    for secret in ("accounts.json", "central/admin.token", "climate/admin.token", "extremes/admin.token"):
        assert (tmp_path / "demo" / secret).stat().st_mode & 0o777 == 0o600
    passwords = json.loads((tmp_path / "demo/accounts.json").read_text())
    assert set(passwords) == {"researcher", "operator"}
    assert not any(password in told.stdout for password in passwords.values())


def test_what_is_suggested_can_be_run_as_it_stands(monkeypatch):
    scripts = Path(sysconfig.get_path("scripts"))
    monkeypatch.chdir(scripts.parents[1])
    monkeypatch.setenv("PATH", "/usr/bin")
    by_path = runnable_command()
    monkeypatch.setenv("PATH", str(scripts))

    assert Path(by_path) == scripts.relative_to(scripts.parents[1]) / "twinlake"
    assert runnable_command() == "twinlake"
    monkeypatch.chdir("/")
    monkeypatch.setenv("PATH", "/usr/bin")
    assert Path(runnable_command()).is_file()


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
    assert "failed: sites" in told.stdout
    assert "Cannot listen" in told.stdout
