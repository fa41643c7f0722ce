"""`twinlake get` against a site that is really served; in a process of its own where it is killed."""

import contextlib
import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from twinlake.cli.main import main
from twinlake.holdings.catalogue.interfaces import CollectionAccess, ItemDraft, Linked
from twinlake.testing.delivery_site import new_collection, new_item, running_delivery_site

LARGE = 20 << 20
HUGE = 160 << 20
COMMAND = [sys.executable, "-c", "from twinlake.cli.main import main; main()"]


@pytest.fixture(scope="module")
def large():
    return os.urandom(LARGE)


@pytest.fixture(scope="module")
def site(tmp_path_factory, large):
    directory = tmp_path_factory.mktemp("site")
    links = directory / "links"
    links.mkdir()
    (links / "linked.bin").write_bytes(b"linked" * 2_000_000)
    with running_delivery_site(directory, link_roots=[links]) as site:
        site.stac.put([new_collection("open"), new_collection("many")])
        site.stac.put([new_collection("closed")], access=CollectionAccess(access="restricted"))
        assets = {
            "data": ("large.tif", "image/tiff", large),
            "text": ("notes ß.txt", "text/plain", b"notes"),
            "empty": ("empty.bin", None, b""),
            "linked": ("linked.bin", None, links / "linked.bin"),
            "elsewhere": ("x", None, "s3://bucket/x"),
        }
        site.put_item("item one", assets, collection="open")
        unhashed = {"data": Linked(str(links / "linked.bin"), 12_000_000)}
        document = new_item("unhashed", "open", {"data": {"href": "./linked.bin"}})
        site.stac.run(site.stac.catalogue.put_items([ItemDraft(document=document, holdings=unhashed)]))
        site.put_item("twins", {"a": ("same.bin", None, b"a"), "b": ("SAME.bin", None, b"b")}, collection="open")
        site.put_item("secret", {"data": ("secret.bin", None, b"secret")}, collection="closed")
        for number in range(12):
            site.put_item(f"m{number:02}", {"data": ("data.bin", None, bytes([number]) * 1000)}, collection="many")
        yield site


class Run:
    """What a command printed, and how it ended."""

    def __init__(self, site, *arguments, check=0):
        url = site if isinstance(site, str) else site.public_url
        out, err = io.StringIO(), io.StringIO()
        code = 0
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            patch.setattr(sys, "argv", ["twinlake", *map(str, arguments), "--to", url])
            try:
                main()
            except SystemExit as ended:
                code = ended.code
        self.out, self.err = out.getvalue(), err.getvalue()
        assert code == check, self.err + self.out

    @property
    def files(self):
        return {f"{file['label']}#{file['asset']}": file for file in json.loads(self.out)["files"]}


def test_an_item_comes_with_all_its_files(site, tmp_path, large):
    first = Run(site, "get", "open/item one", "-o", tmp_path, "--json")
    again = Run(site, "get", "open/item one", "-o", tmp_path, "--json")

    folder = tmp_path / "open" / "item one"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "large.tif": large,
        "notes ß.txt": b"notes",
        "empty.bin": b"",
        "linked.bin": b"linked" * 2_000_000,
    }
    assert {file["outcome"] for file in first.files.values()} == {"fetched"}
    assert {file["outcome"] for file in again.files.values()} == {"present"}
    assert all(file["verified"] for file in first.files.values())
    assert first.files["open/item one#data"]["sha256"] == hashlib.sha256(large).hexdigest()


def test_what_the_site_has_not_hashed_is_fetched_anew(site, tmp_path):
    for _ in range(2):
        [file] = Run(site, "get", "open/unhashed", "-o", tmp_path, "--json").files.values()
        assert (file["outcome"], file["verified"]) == ("fetched", False)


def test_one_asset_can_be_named(site, tmp_path):
    Run(site, "get", "open/item one/text", "-o", tmp_path)
    Run(site, "get", "open/item one", "--asset", "empty", "-o", tmp_path)

    assert sorted(path.name for path in (tmp_path / "open" / "item one").iterdir()) == ["empty.bin", "notes ß.txt"]


def test_the_whole_product_comes_only_where_it_is_named(site, tmp_path):
    Run(site, "get", "open/twins", "-o", tmp_path / "files")
    for _ in range(2):
        Run(site, "get", "open/twins/downloadLink", "-o", tmp_path / "zip")

    [archive] = (tmp_path / "zip" / "open" / "twins").iterdir()
    assert archive.name == "twins.zip"
    with zipfile.ZipFile(archive) as opened:
        assert opened.namelist() == ["same.bin", "SAME-2.bin"]
    assert len(list((tmp_path / "files" / "open" / "twins").iterdir())) == 2


def test_a_url_of_data_or_of_an_item_will_do(site, tmp_path):
    Run(site, "get", f"{site.public_url}/data/test/open/item%20one/text", "-o", tmp_path)
    Run(site, "get", f"{site.stac.url}/collections/open/items/twins", "-o", tmp_path)

    assert (tmp_path / "notes ß.txt").read_bytes() == b"notes"
    assert (tmp_path / "open" / "twins" / "a-same.bin").read_bytes() == b"a"
    assert (tmp_path / "open" / "twins" / "b-SAME.bin").read_bytes() == b"b"


def test_a_search_brings_every_page(site, tmp_path):
    run = Run(site, "get", "--collection", "many", "-o", tmp_path)

    assert {path.parent.name: path.read_bytes() for path in tmp_path.rglob("data.bin")} == {
        f"m{number:02}": bytes([number]) * 1000 for number in range(12)
    }
    assert "12 of 12 files are here, 12000 bytes" in run.out
    assert run.out.count("verified") == 12


def test_a_limit_is_kept(site, tmp_path):
    assert len(Run(site, "get", "-c", "many", "--limit", "5", "--json", "-o", tmp_path).files) == 5


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["open/none"], 1, "none"),
        (["open/item one/none"], 2, "has no asset 'none'"),
        (["nonsense"], 2, "neither a URL nor"),
        (["a/b/c/d"], 2, "neither a URL nor"),
        ([], 2, "Name what to get"),
        (["open/item one", "-c", "open"], 2, "Name what to get"),
        (["-c", "many", "--datetime", "1990-01-01"], 3, "Nothing was found"),
        (["-c", "many", "--filter", "((("], 1, "filter"),
        (["-c", "many", "--bbox", "1,2,x"], 2, "four numbers"),
        (["closed/secret"], 1, ""),
    ],
)
def test_what_goes_wrong_is_said(site, tmp_path, arguments, code, words):
    run = Run(site, "get", *arguments, "-o", tmp_path, check=code)

    said = " ".join((run.out + run.err).replace("│", " ").split())
    assert words in said
    assert "Traceback" not in said
    assert not list(tmp_path.rglob("*.bin"))


def test_a_refused_file_says_why_and_what_to_do(site, tmp_path):
    """The refusal comes to HEAD, which is answered without a document."""
    token = tmp_path / "token"
    token.write_text(site.stac.token("somebody"))
    url = f"{site.public_url}/data/test/closed/secret/data"

    anonymous = Run(site, "get", url, "-o", tmp_path, "--json", check=1)
    known = Run(site, "get", url, "-o", tmp_path, "--json", "--token-file", token, check=1)
    elsewhere = Run("http://127.0.0.1:1", "get", url, "-o", tmp_path, "--json", check=1)
    [file], [refused], [foreign] = anonymous.files.values(), known.files.values(), elsewhere.files.values()

    assert "The site answered" not in file["error"] + refused["error"]
    assert file["remedy"] == "Give a token that may do this with --token-file FILE or TWINLAKE_TOKEN_FILE."
    assert refused["remedy"]
    assert foreign["error"].partition(" (ticket")[0] == file["error"].partition(" (ticket")[0]
    assert foreign["remedy"].endswith(f"Ask there: --to {site.public_url}")


def test_a_token_opens_what_is_closed(site, tmp_path):
    token = tmp_path / "token"
    token.write_text(site.stac.token("steward", roles=["data-steward"]))

    Run(site, "get", "closed/secret", "-o", tmp_path, "--token-file", token)

    assert (tmp_path / "closed" / "secret" / "secret.bin").read_bytes() == b"secret"


def test_a_damaged_file_fails_and_the_rest_comes(site, tmp_path):
    data = os.urandom(10 << 20)
    site.stac.put([new_collection("damaged")])
    site.put_item("bad", {"data": ("bad.bin", None, data)}, collection="damaged")
    site.put_item("good", {"data": ("good.bin", None, b"good")}, collection="damaged")
    path = site.objects.local_path(hashlib.sha256(data).hexdigest())
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(5 << 20)
        file.write(bytes([data[5 << 20] ^ 1]))

    run = Run(site, "get", "-c", "damaged", "-o", tmp_path, "--json", check=1)

    assert run.files["damaged/good#data"]["outcome"] == "fetched"
    assert run.files["damaged/bad#data"]["outcome"] == "failed"
    assert "SHA-256" in run.files["damaged/bad#data"]["error"]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["good.bin"]


# --- interrupted


@pytest.fixture(scope="module")
def huge():
    return os.urandom(HUGE)


def start(site, *arguments):
    return subprocess.Popen(
        [*COMMAND, *arguments, "--to", site.public_url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )


def end_midway(site, item, folder, number):
    """Fetch *item* and end the command by a signal when some of its bytes are there, again until not all are; return its code."""
    target = folder / item / "huge.bin"
    log = target.with_name("huge.bin.part.log")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with start(site, "get", item, "-o", folder) as process:
            while process.poll() is None and not (log.exists() and log.read_bytes().count(b"\n") > 1):
                time.sleep(0.001)
            process.send_signal(number)
            process.communicate()
        if not target.exists():
            return process.returncode
        target.unlink()  # it was quicker
    raise AssertionError("It was never ended midway.")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_download_goes_on_where_it_was(site, tmp_path, huge, number):
    site.put_item(f"huge {number.name}", {"data": ("huge.bin", None, huge)}, collection="open")
    target = tmp_path / "open" / f"huge {number.name}" / "huge.bin"
    ended = end_midway(site, f"open/huge {number.name}", tmp_path, number)
    assert ended == (-9 if number == signal.SIGKILL else 130)
    run = Run(site, "get", f"open/huge {number.name}", "-o", tmp_path, "--json")

    [file] = run.files.values()
    assert (file["outcome"], file["verified"]) == ("resumed", True)
    assert target.read_bytes() == huge
    assert [path.name for path in target.parent.iterdir()] == ["huge.bin"]


@pytest.mark.slow
def test_a_file_that_changed_meanwhile_is_never_spliced(site, tmp_path, huge):
    site.put_item("changing", {"data": ("huge.bin", None, huge)}, collection="open")
    target = tmp_path / "open" / "changing" / "huge.bin"
    assert end_midway(site, "open/changing", tmp_path, signal.SIGKILL) == -9
    changed = huge[::-1]
    site.put_item("changing", {"data": ("huge.bin", None, changed)}, collection="open")

    run = Run(site, "get", "open/changing", "-o", tmp_path, "--json")

    assert [file["outcome"] for file in run.files.values()] == ["fetched"]
    assert target.read_bytes() == changed


class BreakingProxy:
    """Passes TCP on and cuts every connection after some bytes of the answer."""

    def __init__(self, site, cut_after):
        self._upstream = urlsplit(site.public_url)
        self._cut_after = cut_after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self.netloc = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.cuts = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self):
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._pass, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _pass(self, client):
        upstream = socket.create_connection((self._upstream.hostname, self._upstream.port))
        up = threading.Thread(target=self._copy, args=(client, upstream, None))
        up.start()
        with client, upstream:
            self._copy(upstream, client, self._cut_after)
            for side in (client, upstream):
                with contextlib.suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)
            up.join()

    def _copy(self, source, sink, limit):
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
                passed += len(data)
                if limit is not None and passed > limit:
                    self.cuts += 1
                    return
            sink.shutdown(socket.SHUT_WR)


@pytest.mark.slow
def test_lost_connections_are_taken_up_again(site, tmp_path, large):
    with BreakingProxy(site, 3 << 20) as proxy:
        url = f"http://{proxy.netloc}/data/test/open/item%20one/data"
        Run(f"http://{proxy.netloc}", "get", url, "-o", tmp_path)

    assert proxy.cuts >= 5
    assert (tmp_path / "large.tif").read_bytes() == large


def test_the_token_goes_to_its_site_only(site, tmp_path):
    """An item's document may name any host: it must not be sent the user's token."""
    seen = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)

        def answer():
            connection, _ = listener.accept()
            with connection:
                seen.append(connection.recv(1 << 16).lower())
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x.bin"
        site.put_item("foreign", {"data": ("x.bin", None, url)}, collection="open")
        token = tmp_path / "token"
        token.write_text(site.stac.token("somebody"))
        Run(site, "get", "open/foreign", "-o", tmp_path, "--token-file", token, check=1)
        thread.join()
    assert seen[0].startswith(b"head /x.bin")
    assert b"authorization" not in seen[0]


def test_two_at_once_do_not_mix(site, tmp_path, large):
    import fcntl

    log = tmp_path / "large.tif.part.log"
    with log.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        run = Run(site, "get", f"{site.public_url}/data/test/open/item%20one/data", "-o", tmp_path, check=1)

    assert "another process" in run.err
    assert Path(log).read_bytes() == b""
