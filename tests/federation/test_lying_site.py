"""A site that was honest when it joined, and lies: over real HTTP, to a whole site."""

import random
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest

from twinlake.testing.federation.lies import MISSHAPEN, misshapen, write_lie
from twinlake.testing.federation_sites import federated_sites, wait_until_whole
from twinlake.testing.generated_items import generated_item

pytestmark = pytest.mark.slow
LIES = sorted(MISSHAPEN)[:5]


@contextmanager
def lying(port, lies):
    """Answer each search on *port* with the next of *lies*; nothing else is there."""
    said = iter(lies)

    class Liar(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.answer(200, next(said)) if self.path == "/federation/search" else self.answer(404, b"{}")

        def do_GET(self):
            self.answer(404, b"{}")

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Liar) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield
        finally:
            server.shutdown()
            serving.join()


def test_a_site_that_begins_to_lie_is_dropped_named_and_left_alone(tmp_path):
    true = {"features": [generated_item(1)], "more": False, "matched": 1}
    told = [write_lie(misshapen(MISSHAPEN[name])(orjson.loads(orjson.dumps(true)), {}, random.Random(1))) for name in LIES]
    with federated_sites(tmp_path, names=("central", "climate")) as sites, sites["central"].anonymous() as client:
        wait_until_whole(sites["central"])
        port = int(sites["climate"].url.rpartition(":")[2])
        sites["climate"].stop()
        with lying(port, told):
            answers = [client.post("/stac/v2/search", json={"limit": 10}) for _ in range(6)]

    assert {answer.status_code for answer in answers} == {200}
    assert all(answer.json()["features"] == [] for answer in answers)
    assert {tuple(answer.json()["federation:missing"]) for answer in answers} == {("climate",)}
    reasons = [answer.json()["twinlake:federation"]["missing"][0]["reason"] for answer in answers]
    assert reasons == ["invalid-answer"] * 5 + ["peer-resting"]
