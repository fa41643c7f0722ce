"""Quotas of visitors: people of another site compute at a bridge, where what they take counts for them."""

from itertools import count

import httpx2
import pytest

from federation.clients.lake import Lake
from processing.openeo.quotas.test_quotas_at_site import API, SETTINGS, free, long_graph, start, status, wait_for
from twinlake.testing.federation_sites import federated_sites

pytestmark = pytest.mark.slow

QUOTA = 8.0
SUM = {"sum": {"process_id": "sum", "arguments": {"data": [1, 2, 3]}, "result": True}}


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("visitors"))
    settings = SETTINGS | {"openeo.quota_cpu_seconds": int(QUOTA)}
    with federated_sites(lake.directory, names=("central", "climate"), settings=settings) as sites:
        lake.sites = sites
        yield lake


@pytest.fixture
def come(lake):
    """Return a client of the bridge for somebody who has an account at central alone."""

    def come(username):
        lake.add_account(username)
        token = lake.sign_in(username, at="climate")
        headers = {"authorization": f"Bearer {token}"}
        return httpx2.Client(base_url=f"{lake.sites['climate'].url}{API}", headers=headers, timeout=120)

    return come


def test_a_job_of_a_visitor_runs_at_the_bridge_and_counts_for_them(come):
    with come("alice") as alice, come("bob") as bob:
        assert alice.get("/me").json()["user_id"].startswith("central.")
        job, started = start(alice, SUM)
        assert started.status_code == 202, started.text

        wait_for(lambda: status(alice, job) in {"finished", "error"})

        assert status(alice, job) == "finished"
        [asset] = alice.get(f"/jobs/{job}/results").json()["assets"].values()
        assert httpx2.get(asset["href"]).json() == 6
        taken = wait_for(lambda: alice.get(f"/jobs/{job}").json().get("usage", {}).get("cpu"))["value"]
        wait_for(lambda: free(alice) < QUOTA)
        assert free(alice) == pytest.approx(QUOTA - taken, abs=0.1)
        assert free(bob) == QUOTA
        assert bob.get(f"/jobs/{job}").status_code == 404


def test_a_visitor_who_has_used_the_quota_up_is_refused_and_nobody_else(come):
    with come("carol") as carol, come("dan") as dan:
        body = {"process": {"process_graph": long_graph()}}
        wait_for(lambda: carol.post("/result", json=body).json().get("code") == "PaymentRequired" and free(carol) == 0)

        # What was cut short may give a moment's computing back when it is settled, which another job takes.
        # Each is another graph: what somebody else had computed would cost nothing, here and in the other test.
        sums = ({"sum": {"process_id": "sum", "arguments": {"data": [n]}, "result": True}} for n in count())
        job, refused = wait_for(lambda: (tried := start(carol, next(sums)))[1].status_code == 402 and tried)

        assert refused.json()["code"] == "PaymentRequired"
        assert status(carol, job) == "created"
        assert free(dan) == QUOTA
        assert start(dan, next(sums))[1].status_code == 202
