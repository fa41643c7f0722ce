"""`twinlake admin accounts`, on the folder of a site."""

import stat

import pyotp
import pytest

from twinlake.testing.site import run_twinlake

pytestmark = pytest.mark.slow  # commands start anew for each


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("accounts") / "site"
    assert run_twinlake("init", folder, "--yes").returncode == 0
    return folder / "site.toml"


def run(config, *arguments):
    return run_twinlake("admin", "accounts", *arguments, "--config", config)


def test_accounts_are_made_listed_and_changed(config, tmp_path):
    file = tmp_path / "bob.password"
    made, again = run(config, "add", "Alice", "--roles", "DPAD_Direct_Access"), run(config, "add", "alice")
    written = run(config, "add", "bob", "--email", "bob@example.org", "--write-to", file)

    assert len(made.stdout.strip()) == 27
    assert again.returncode == 1
    assert "already" in again.stderr
    assert written.stdout == ""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().strip() not in written.stderr
    assert run(config, "password", "bob", "--write-to", file).returncode == 1
    assert run(config, "password", "bob").stdout.strip() != file.read_text().strip()
    address = run(config, "otp", "bob").stdout.strip()
    assert pyotp.parse_uri(address).name == "bob"
    assert run(config, "disable", "alice").returncode == 0
    rows = [line.split("\t") for line in run(config, "list").stdout.splitlines()]
    assert [(row[0], row[3], row[4]) for row in rows] == [
        ("alice", "password only", "disabled"),
        ("bob", "second factor", "enabled"),
    ]
    assert run(config, "otp", "bob", "--remove").returncode == 0
    key = run(config, "key", "bob", "--scopes", "read")
    assert run(config, "revoke-key", key.stderr.split()[-1]).returncode == 0


@pytest.mark.parametrize(
    "arguments", [("disable", "nobody"), ("add", "a b"), ("key", "nobody"), ("revoke-key", "x")], ids=" ".join
)
def test_what_is_not_there_is_said(config, arguments):
    answer = run(config, *arguments)

    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
