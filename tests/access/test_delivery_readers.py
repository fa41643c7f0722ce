"""Readers of formats, unmodified, over HTTP; and tricks with paths."""

import json
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import httpx2
import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin

pytestmark = pytest.mark.slow

READ_WINDOW = """
import sys, json
import rasterio
from rasterio.windows import Window
with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
    with rasterio.open(sys.argv[1]) as dataset:
        window = dataset.read(1, window=Window(2000, 1000, 64, 64))
        print(json.dumps([dataset.count, str(dataset.crs), window.tolist(), dataset.overviews(1)]))
"""


@pytest.fixture(scope="module")
def cog(site, tmp_path_factory):
    path = tmp_path_factory.mktemp("cog") / "cog.tif"
    field = np.random.default_rng(1).integers(0, 10_000, (3000, 3000), dtype="uint16")
    profile = {"driver": "COG", "width": 3000, "height": 3000, "count": 1, "dtype": "uint16", "crs": "EPSG:32632"}
    with rasterio.open(
        path, "w", transform=from_origin(500_000, 5_600_000, 10, 10), blocksize=256, compress="none", **profile
    ) as out:
        out.write(field, 1)
    site.put_item("cog", {"data": ("cog.tif", "image/tiff; application=geotiff", path.read_bytes())}, collection="open")
    return field, path.stat().st_size, f"{site.public_url}/data/test/open/cog/data"


@pytest.mark.parametrize("prefix", ["", "/vsicurl/"])
def test_rasterio_and_gdal_read_a_window_by_ranges(cog, prefix):
    field, _, url = cog

    command = [sys.executable, "-c", READ_WINDOW, prefix + url]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)

    assert read[:2] == [1, "EPSG:32632"]
    assert read[2] == field[1000:1064, 2000:2064].tolist()
    assert read[3]


def test_a_window_costs_only_its_ranges(cog, tmp_path_factory):
    """A reader of one window must not draw the whole file: the ranges that GDAL sends are answered as ranges."""
    _, size, url = cog

    answers = [httpx2.get(url, headers={"Range": f"bytes={start}-{start + 16383}"}) for start in (0, 1 << 20, size - 10)]

    assert [answer.status_code for answer in answers] == [206] * 3
    assert [len(answer.content) for answer in answers] == [16384, 16384, 10]


# --- paths

PIECES = st.sampled_from(
    ["..", ".", "%2e%2e", "%2E.", "%252e%252e", "%c0%ae%c0%ae", "..%2f", "%2f", "%5c", "..\\", "%00", "%0d%0aX: y", "\u2025",
     "%e2%80%a5", "%ef%bc%8e%ef%bc%8e", "/", "//", "etc", "passwd", "site.db", "objects", "open", "item", "small", "linked",
     "test", "data", "bytes", "%ff", "~", "*", "?", "a" * 300, "0" * 64, ""]
)  # fmt: skip
PATHS = st.one_of(
    st.lists(PIECES, max_size=8).map(lambda pieces: "/data/" + "/".join(pieces)),
    st.lists(PIECES, max_size=6).map(lambda pieces: "/data/test/open/item/" + "".join(pieces)),
    st.lists(PIECES, max_size=6).map(lambda pieces: "/bytes/" + "/".join(pieces)),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40).map(lambda text: "/data/" + text),
)
GOOD = {"/data/test/open/item/small", "/data/test/open/item/linked"}


class RawClient:
    """Sends a path exactly as it is; a polite client would clean it up."""

    def __init__(self, netloc):
        host, _, port = netloc.partition(":")
        self._address = host, int(port)
        self._connection = None

    def get(self, path):
        request = b"GET " + path.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n"
        if self._connection is None:
            self._connection = socket.create_connection(self._address, timeout=20)
        self._connection.sendall(request)
        status, body, keep = self._read()
        if not keep:
            self._connection.close()
            self._connection = None
        return status, body

    def _read(self):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self._connection.recv(1 << 16)
            assert piece
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:])
        while len(body) < int(headers["content-length"]):
            body += self._connection.recv(1 << 16)
        return int(lines[0].split()[1]), body, headers.get("connection") != "close"

    def close(self):
        if self._connection is not None:
            self._connection.close()


@pytest.fixture(scope="module")
def secret(site):
    """A file beside the site's database that nothing may ever send."""
    directory = site.objects.local_path("0" * 64).parents[2]
    (directory / "secret").write_bytes(b"the secret")
    yield b"the secret"
    (directory / "secret").unlink()


def check_tricks(site, secret, cases):
    client = RawClient(urlsplit(site.public_url).netloc)
    good = {client.get(path)[1] for path in GOOD}

    @settings(max_examples=cases, deadline=None, database=None)
    @given(PATHS)
    def no_path_leads_out(path):
        if any(letter in path for letter in (" ", "\r", "\n")):
            return
        status, body = client.get(path)
        if status == 200:
            assert body in good
        else:
            assert 400 <= status < 500 or status == 307
            assert secret not in body
            assert b"SQLite" not in body
            assert b"root:" not in body

    try:
        no_path_leads_out()
    finally:
        client.close()


def test_no_path_leads_out(site, secret):
    check_tricks(site, secret, 2000)


@pytest.mark.soak
def test_no_path_leads_out_however_long_one_tries(site, secret):
    check_tricks(site, secret, 100_000)


def test_the_file_of_a_signed_url_is_no_path_either(site):
    from twinlake.core.clock import SystemClock
    from twinlake.engines.web.signed_urls import UrlSigner
    from twinlake.testing.delivery_site import LIFETIME

    signer = UrlSigner(key=b"k" * 32, clock=SystemClock())
    parameters = {"size": "10", "type": "", "collection": "open"}
    for name in ("..", "ab/../../secret", "\0", "A" * 64):
        url = signer.sign(f"/bytes/{name}/x", parameters, purpose="read bytes", lifetime=LIFETIME)
        assert httpx2.get(site.public_url + url).status_code in {400, 403, 404}
