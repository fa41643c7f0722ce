"""What the demonstration says where openEO's client does not get on."""

import io

import pytest
import requests
from openeo.rest.connection import connect
from rich.console import Console

from twinlake.cli.demo import near_data
from twinlake.cli.demo.narrator import Narrator, StepFailedError
from twinlake.cli.demo.visiting import Visitor
from twinlake.core.errors import NotFoundError
from twinlake.testing.site import SiteProcess, make_site

FAILS = {"first": {"process_id": "array_element", "arguments": {"data": [1], "index": 5}, "result": True}}


@pytest.fixture
def narrator():
    return Narrator(Console(file=io.StringIO()))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with SiteProcess(make_site(tmp_path_factory.mktemp("near-data"))) as site:
        yield site


def test_without_the_client_it_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setattr(near_data, "find_spec", lambda _: None)

    with pytest.raises(NotFoundError, match="openeo") as missing, near_data.explained(tmp_path / "site.log"):
        pass

    assert missing.value.remedy == "Run: make setup"


def test_no_answer_is_told_with_the_log(tmp_path):
    with pytest.raises(StepFailedError, match="Connection refused") as failed, near_data.explained(tmp_path / "site.log"):
        requests.get("http://127.0.0.1:9", timeout=10)

    assert str(tmp_path / "site.log") in str(failed.value)


@pytest.mark.slow
def test_a_refusal_is_told_as_the_site_tells_it(site, tmp_path):
    with pytest.raises(StepFailedError, match="Token"), near_data.explained(tmp_path / "site.log"):
        near_data.enter(site.url, "none").describe_account()


@pytest.mark.slow
def test_a_job_that_fails_is_told_with_its_reason(site, narrator):
    connection = connect(site.url)
    connection.authenticate_bearer_token(f"basic//{site.token}")

    with pytest.raises(StepFailedError, match=r"Fifth: the job did not succeed \(error\)\. The array has no such element"):
        near_data.do_job(connection.create_job(FAILS, title="Fifth"), narrator)


@pytest.mark.slow
def test_a_job_that_took_an_equal_result_has_used_nothing(site, narrator):
    connection = connect(site.url)
    connection.authenticate_bearer_token(f"basic//{site.token}")
    graph = {"n": {"process_id": "add", "arguments": {"x": 20, "y": 22}, "result": True}}

    first, second = (near_data.do_job(connection.create_job(graph, title="Equal"), narrator) for _ in range(2))

    assert first["cpu"]["value"] > 0 == second["cpu"]["value"]


@pytest.mark.slow
def test_who_is_not_signed_in_lets_no_device_in(site):
    with Visitor(site.url) as visitor, pytest.raises(StepFailedError, match="does not ask whether to let a device in"):
        visitor.let_in(f"{site.url}/auth/realms/dedl/device?user_code=WDJB-MJHT")
