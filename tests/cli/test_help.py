"""What every command says of itself, and that the ones which are typed first start soon."""

import subprocess
import sys
import tomllib

import pytest

from twinlake.testing.site import run_twinlake


@pytest.mark.parametrize("command", [(), ("search",), ("admin", "fsck")])
def test_flags_are_shown_without_a_type_and_values_with_theirs(command):
    shown = run_twinlake(*command, "--help")

    assert shown.returncode == 0
    assert "--help" in shown.stdout
    assert "<bool>" not in shown.stdout
    assert command != ("search",) or "<int" in shown.stdout


def test_making_a_site_reads_nothing_that_a_site_serves_with(tmp_path):
    heavy = {"aiohttp", "fastapi", "numpy", "obstore", "pyarrow", "rasterio", "shapely", "uvicorn"}
    script = (
        "import sys\nfrom twinlake.cli.main import main\n"
        f"try:\n    main()\nfinally:\n    print(sorted({heavy!r} & sys.modules.keys()), file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", script, "init", str(tmp_path / "site"), "--yes"]
    made = subprocess.run(command, capture_output=True, text=True, check=True)

    assert made.stderr == "[]\n"
    assert (tmp_path / "site/admin.token").exists()


def test_a_site_is_made_with_id_title_and_role(tmp_path):
    made = run_twinlake(
        *("init", tmp_path / "site", "--id", "climate", "--title", "Climate bridge", "--role", "bridge", "--yes")
    )  # fmt: skip
    settings = tomllib.loads((tmp_path / "site/site.toml").read_text())

    assert made.returncode == 0, made.stderr
    assert (settings["id"], settings["title"], settings["role"]) == ("climate", "Climate bridge", "bridge")
    assert run_twinlake("init", tmp_path / "other", "--title", "x" * 501, "--yes").returncode == 1
    assert not (tmp_path / "other").exists()
