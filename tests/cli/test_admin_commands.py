"""The `admin` commands as they are typed: what they print, to which stream, and how they end."""

import re

import pytest

from twinlake.testing.site import make_site, run_twinlake, site_process

pytestmark = pytest.mark.slow  # commands and children start anew for each

TOKEN = re.compile(r"^tl_([A-Za-z0-9]{16})\.[\w-]{43}\n$")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A running site: tokens are administered beside it."""
    with site_process(tmp_path_factory.mktemp("admin")) as running:
        yield running


def admin(site, *arguments):
    return run_twinlake("admin", *arguments, "--config", site.config)


def test_a_token_is_made_listed_used_and_ended_beside_a_running_site(site):
    made = admin(
        site, "token", "create", "alice", "--scopes", "search,read,write", "--roles", "data-steward", "--name", "for tests"
    )
    assert made.returncode == 0, made.stderr
    key = TOKEN.match(made.stdout)[1]
    secret = made.stdout.strip().partition(".")[2]
    assert f"twinlake admin token revoke {key} --config {site.config}" in made.stderr
    assert secret not in made.stderr

    with site.client(made.stdout.strip()) as client:
        me = client.get("/api/me").json()
    assert me["principal"] == "urn:twinlake:site:central|alice"
    assert (me["roles"], sorted(me["scopes"])) == (["data-steward"], ["read", "search", "write"])

    listed = admin(site, "token", "list")
    [line] = [line.split("\t") for line in listed.stdout.splitlines() if line.startswith(key)]
    assert line[1:5] == ["alice", "for tests", "read search write", "data-steward"]
    assert line[6] == "good"
    assert secret not in listed.stdout

    revoked = admin(site, "token", "revoke", key)
    assert revoked.stdout == f"Revoked the token {key} of alice.\n"
    site.stop()  # a running site looks again within a minute
    site.restart()
    with site.client(made.stdout.strip()) as client:
        assert client.get("/api/me").status_code == 401
    assert secret not in site.raw_log()


def test_a_token_of_no_days_does_not_end_and_its_key_fits_a_narrow_terminal(site, monkeypatch):
    made = admin(site, "token", "create", "forever", "--days", "0", "--roles", "data-steward,operator,administrator")
    key = TOKEN.match(made.stdout)[1]
    [line] = [line.split("\t") for line in admin(site, "token", "list").stdout.splitlines() if line.startswith(key)]
    assert line[5] == "never"

    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes any stream for a terminal
    shown = admin(site, "token", "list").stdout
    assert key in shown
    assert max(map(len, re.sub(r"\x1b\[[\d;]*m", "", shown).splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("token", "create", "bob", "--scopes", "everything"), "everything"),
        (("token", "create", "bob", "--roles", "king"), "king"),
        (("token", "revoke", "0000000000000000"), "0000000000000000"),
        (("fsck",), "is running"),
    ],
)
def test_what_cannot_be_is_refused_in_words(site, arguments, said):
    refused = admin(site, *arguments)

    assert refused.returncode == 1
    assert said in refused.stderr
    assert refused.stdout == ""
    assert "Traceback" not in refused.stderr


def test_without_a_site_it_says_how_to_make_one(tmp_path):
    refused = run_twinlake("admin", "token", "list", cwd=tmp_path)

    assert refused.returncode == 1
    assert "There is no site.toml" in refused.stderr
    assert "twinlake init" in refused.stderr


def test_backup_restore_and_fsck_say_what_they_did(tmp_path):
    config = make_site(tmp_path / "lake") / "site.toml"

    made = run_twinlake("admin", "backup", tmp_path / "copy", "--config", config)
    again = run_twinlake("admin", "backup", tmp_path / "copy", "--config", config)
    restored = run_twinlake("admin", "restore", tmp_path / "copy", tmp_path / "other")
    checked = run_twinlake("admin", "fsck", "--config", tmp_path / "other" / "site.toml", "--scrub")

    assert made.returncode == 0
    assert re.match(r"Backup in .*/copy: database of .*B, 3 other files,\n  0 objects of 0 bytes \(copied\)\.\n", made.stdout)
    assert again.returncode == 1
    assert "exists and is not empty" in again.stderr
    assert "Start it:  twinlake serve --config" in restored.stdout
    assert checked.returncode == 0
    assert checked.stdout == "".join(f"ok   {name}: no problem\n" for name in ("database", "events", "catalogue", "objects"))


def test_nginx_prints_a_block_and_nothing_else(site):
    printed = admin(site, "nginx", "--listen", "8443 ssl")

    assert printed.returncode == 0
    assert "listen 8443 ssl;" in printed.stdout
    assert printed.stdout.count("{") == printed.stdout.count("}")
    assert printed.stderr == ""
