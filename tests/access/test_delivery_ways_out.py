"""The ways out that send a reader on: signed URLs, nginx, a bucket."""

import os
import re
import socket
import subprocess
import time
from datetime import timedelta
from urllib.parse import unquote, urlsplit

import httpx2
import pytest

from twinlake.access.delivery import write_nginx_conf
from twinlake.engines.web.signed_urls import SignatureError, SignatureExpiredError, UrlSigner
from twinlake.testing.clock import HandClock
from twinlake.testing.delivery_site import new_collection, running_delivery_site
from twinlake.testing.s3 import running_s3

pytestmark = pytest.mark.slow

DATA = os.urandom(3 << 20)


def fill(site, link=None):
    site.stac.put([new_collection("open")])
    assets = {
        "data": ("data ß.bin", "application/octet-stream", DATA),
        "other": ("other.bin", None, b"other"),
        "remote": ("x", None, "https://example.org/x"),
    }
    if link is not None:
        assets["linked"] = ("linked.bin", None, link)
    site.put_item("item", assets, collection="open")


# --- signed URLs


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def signing_site(tmp_path, clock):
    with running_delivery_site(tmp_path, mode="signed", clock=clock) as site:
        fill(site)
        yield site


@pytest.fixture
def signed_url(signing_site):
    answer = httpx2.get(f"{signing_site.public_url}/data/test/open/item/data")
    assert (answer.status_code, answer.headers["cache-control"]) == (307, "no-store")
    return answer.headers["location"]


def test_a_signed_url_gives_the_bytes_to_whoever_holds_it(signing_site, signed_url):
    whole = httpx2.get(signed_url)
    part = httpx2.get(signed_url, headers={"Range": "bytes=10-19"})
    head = httpx2.head(signed_url)

    assert (whole.status_code, whole.content) == (200, DATA)
    assert (part.status_code, part.content) == (206, DATA[10:20])
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(DATA)))
    assert whole.headers["content-disposition"].endswith("filename*=UTF-8''data%20%C3%9F.bin")
    assert whole.headers["cache-control"] == "private, no-cache"


def test_the_bytes_are_counted_for_their_collection(signing_site, signed_url, clock):
    httpx2.get(signed_url)
    [line] = signing_site.stac.requests(1, path=unquote(urlsplit(signed_url).path))
    run, usage = signing_site.stac.run, signing_site.stac.services.usage
    run(usage.flush())
    hour = timedelta(hours=1)
    page = run(usage.list_usage(principal=None, start=clock.now() - hour, end=clock.now() + hour, after=None, limit=10))

    assert line["bytes_out"] == len(DATA)
    assert sum(row["bytes_out"] for _, row in page if row["collection"] == "open") == len(DATA)


@pytest.mark.parametrize(
    "change",
    [
        lambda url: re.sub(r"/bytes/[0-9a-f]{64}", f"/bytes/{'0' * 64}", url),
        lambda url: url.replace(".bin?", ".html?"),
        lambda url: url.replace("size=3", "size=4"),
        lambda url: url.replace("type=application", "type=text"),
        lambda url: re.sub(r"expires=(\d+)", lambda match: f"expires={int(match[1]) + 1}", url),
        lambda url: url.replace("collection=open", "collection=closed"),
        lambda url: url + "x",
        lambda url: url[:-1],
        lambda url: url.partition("&signature=")[0],
        lambda url: url.partition("?")[0],
        lambda url: url.replace("?", "?size=1&"),
        lambda url: url.replace("&signature=", "&collection=closed&signature="),
        lambda url: re.sub("signature=.*", "signature=", url),
    ],
)
def test_a_changed_url_is_refused(signed_url, change):
    assert change(signed_url) != signed_url

    answer = httpx2.get(change(signed_url))

    assert (answer.status_code, answer.json()["code"]) == (403, "signed-url-invalid")


def test_a_url_is_good_for_minutes(clock, signed_url):
    clock.later += timedelta(minutes=5, seconds=-1)
    assert httpx2.get(signed_url).status_code == 200

    clock.later += timedelta(seconds=1)
    answer = httpx2.get(signed_url)
    assert (answer.status_code, answer.json()["code"]) == (403, "signed-url-expired")


def test_only_reading_is_signed(signed_url):
    assert httpx2.post(signed_url).status_code == 405
    assert httpx2.delete(signed_url).status_code == 405


def test_who_wants_no_bytes_is_not_sent_on(signing_site):
    url = f"{signing_site.public_url}/data/test/open/item/data"

    head = httpx2.head(url)
    known = httpx2.get(url, headers={"If-None-Match": head.headers["etag"]})

    assert (head.status_code, known.status_code) == (200, 304)


def test_a_signature_is_for_one_purpose_and_a_short_time(clock):
    signer = UrlSigner(key=b"k" * 32, clock=clock)
    path, _, query = signer.sign("/a b", {"x": "1 &"}, purpose="read", lifetime=timedelta(minutes=1)).partition("?")

    assert path == "/a%20b"
    assert signer.verify("/a b", query.encode(), purpose="read") == {"x": "1 &"}
    with pytest.raises(SignatureError):
        signer.verify("/a b", query.encode(), purpose="write")
    with pytest.raises(SignatureError):
        UrlSigner(key=b"l" * 32, clock=clock).verify("/a b", query.encode(), purpose="read")
    with pytest.raises(ValueError, match="lives at most"):
        signer.sign("/a", {}, purpose="read", lifetime=timedelta(minutes=6))
    clock.later += timedelta(minutes=1)
    with pytest.raises(SignatureExpiredError):
        signer.verify("/a b", query.encode(), purpose="read")


# --- nginx


@pytest.fixture(scope="module")
def behind_nginx(tmp_path_factory, need_command):
    """A site behind a real nginx; yields the site and nginx' address."""
    nginx = need_command("nginx", "nginx")
    directory = tmp_path_factory.mktemp("nginx")
    links = directory / "links; ü"
    links.mkdir()
    (links / "a file;ß.bin").write_bytes(b"linked" * 100_000)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with running_delivery_site(directory, mode="nginx", link_roots=[links]) as site:
        fill(site, links / "a file;ß.bin")
        block = write_nginx_conf(
            listen=f"127.0.0.1:{port}",
            gateway=urlsplit(site.public_url).netloc,
            objects=site.stac.services.folder.objects,
            link_roots=[links],
        )
        conf = directory / "nginx.conf"
        # Workers of a root's nginx are somebody else, to whom pytest's folders are closed.
        user = "user root;\n" if os.geteuid() == 0 else ""
        temporary = "".join(
            f"{kind}_temp_path {directory}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        conf.write_text(
            f"{user}daemon off;\npid {directory}/nginx.pid;\nerror_log stderr;\nworker_processes 1;\n"
            f"events {{}}\nhttp {{\naccess_log off;\n{temporary}\n{block}\n}}\n"
        )
        with subprocess.Popen([nginx, "-c", conf, "-p", directory], stderr=subprocess.PIPE) as process:
            wait_for_port(port, process)
            yield site, f"http://127.0.0.1:{port}"
            process.terminate()


def wait_for_port(port, process):
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        else:
            return


@pytest.mark.system
def test_nginx_sends_what_the_gateway_allows(behind_nginx):
    site, url = behind_nginx
    direct = httpx2.get(f"{site.public_url}/data/test/open/item/data")

    agent = {"User-Agent": "through nginx"}
    answer = httpx2.get(f"{url}/data/test/open/item/data", headers=agent)
    part = httpx2.get(f"{url}/data/test/open/item/data", headers={"Range": "bytes=100-199", **agent})

    assert answer.headers["server"].startswith("nginx")
    assert (answer.status_code, answer.content) == (200, DATA)
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, DATA[100:200], f"bytes 100-199/{len(DATA)}")
    for name in ("etag", "repr-digest", "content-disposition", "content-type", "content-security-policy", "last-modified",
                 "accept-ranges", "cache-control", "x-content-type-options"):  # fmt: skip
        assert answer.headers[name] == direct.headers[name], name
    assert answer.headers["x-request-id"] != direct.headers["x-request-id"]
    assert "x-accel-redirect" not in answer.headers
    assert [line["bytes_out"] for line in site.stac.requests(2, agent="through nginx")] == [len(DATA), 100]


@pytest.mark.system
def test_nginx_sends_linked_files(behind_nginx):
    _, url = behind_nginx

    answer = httpx2.get(f"{url}/data/test/open/item/linked", headers={"Range": "bytes=6-11"})

    assert (answer.status_code, answer.content) == (206, b"linked")


@pytest.mark.system
def test_conditions_hold_behind_nginx(behind_nginx):
    _, url = behind_nginx
    url = f"{url}/data/test/open/item/data"
    tag = httpx2.head(url).headers["etag"]

    def ask(**headers):
        answer = httpx2.get(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
        return answer.status_code, len(answer.content)

    assert ask(If_None_Match=tag) == (304, 0)
    assert ask(If_None_Match='"x"') == (200, len(DATA))
    assert ask(If_Match=tag, Range="bytes=0-9") == (206, 10)
    assert ask(If_Match='"x"')[0] == 412
    assert ask(If_Range=tag, Range="bytes=0-9") == (206, 10)
    assert ask(If_Range='"x"', Range="bytes=0-9") == (200, len(DATA))
    assert ask(Range="bytes=0-1,5-6") == (200, len(DATA))
    assert ask(Range=f"bytes={len(DATA)}-")[0] == 416


@pytest.mark.system
def test_nobody_asks_nginx_for_objects_past_the_gateway(behind_nginx):
    site, url = behind_nginx
    tag = httpx2.head(f"{url}/data/test/open/item/data").headers["etag"].strip('"')

    for path in (
        f"/_twinlake/objects/{tag[:2]}/{tag}",
        "/_twinlake/linked/0/a%20file%3B%C3%9F.bin",
        "/_twinlake/objects/../site.db",
    ):
        assert httpx2.get(url + path).status_code == 404

    direct = httpx2.get(f"{site.public_url}/data/test/open/item/data")
    assert direct.content == DATA


@pytest.mark.system
def test_errors_and_redirects_pass_nginx(behind_nginx):
    _, url = behind_nginx

    missing = httpx2.get(f"{url}/data/test/open/item/none")
    remote = httpx2.get(f"{url}/data/test/open/item/remote")

    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    assert remote.headers["location"] == "https://example.org/x"


# --- a bucket


@pytest.fixture(scope="module")
def s3():
    with running_s3() as server:
        yield server


@pytest.fixture
def bucket(s3, monkeypatch):
    """The settings of a site that keeps its objects in a new bucket."""
    for name, value in s3.credentials.items():
        monkeypatch.setenv(name, value)
    return {"kind": "s3", "bucket": s3.make_bucket(), "endpoint": s3.url}


@pytest.mark.slow
def test_the_bucket_sends_what_it_holds(s3, bucket, tmp_path):
    link = tmp_path / "linked.bin"
    link.write_bytes(b"linked")
    with running_delivery_site(tmp_path, mode="presigned", objects=bucket, link_roots=[tmp_path]) as site:
        fill(site, link)
        url = f"{site.public_url}/data/test/open/item/data"

        sent_on = httpx2.get(url, headers={"Range": "bytes=10-19"})
        part = httpx2.get(sent_on.headers["location"], headers={"Range": "bytes=10-19"})
        whole = httpx2.get(url, follow_redirects=True)
        head = httpx2.head(url)
        linked = httpx2.get(f"{site.public_url}/data/test/open/item/linked")
        tag = head.headers["etag"]
        known = httpx2.get(url, headers={"If-None-Match": tag})
        continued = httpx2.get(url, headers={"Range": "bytes=10-19", "If-Range": tag}, follow_redirects=True)
        sent = [line["bytes_out"] for line in site.stac.requests(3, status=307)]

    assert (sent_on.status_code, sent_on.headers["cache-control"]) == (307, "no-store")
    assert sent_on.headers["location"].startswith(s3.url)
    assert (part.status_code, part.content) == (206, DATA[10:20])
    assert whole.content == DATA
    assert whole.headers["content-disposition"] == head.headers["content-disposition"]
    assert whole.headers["content-type"] == head.headers["content-type"]
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(DATA)))
    assert linked.content == b"linked"
    assert known.status_code == 304
    assert continued.content in {DATA, DATA[10:20]}
    assert sent == [10, len(DATA), 10]


@pytest.mark.slow
def test_a_bucket_can_be_read_through_the_gateway(bucket, tmp_path):
    with running_delivery_site(tmp_path, objects=bucket) as site:
        fill(site)
        url = f"{site.public_url}/data/test/open/item/data"

        whole = httpx2.get(url)
        part = httpx2.get(url, headers={"Range": "bytes=1000000-2999999"})
        site.stac.run(site.objects.delete(whole.headers["etag"].strip('"')))
        gone = httpx2.get(url)

    assert (whole.content, whole.headers["repr-digest"][:9]) == (DATA, "sha-256=:")
    assert (part.status_code, part.content) == (206, DATA[1_000_000:3_000_000])
    assert (gone.status_code, gone.json()["code"]) == (502, "asset-damaged")
