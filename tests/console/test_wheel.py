"""What is built of a fresh clone has the files that the console needs in the browser."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_SOURCES = ("frontend", "src", "tools", "LICENSE", "README.md", "pyproject.toml")
_VENDOR = "twinlake/console/static/vendor"


@pytest.fixture
def clone(tmp_path):
    """The sources that a build needs, with nothing that git would not bring."""
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in _SOURCES:
        source = _ROOT / name
        if source.is_dir():
            shutil.copytree(source, clone / name, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
        else:
            shutil.copy(source, clone)
    shutil.rmtree(clone / "src" / _VENDOR, ignore_errors=True)
    return clone


def build(clone, target, **environment):
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    command = ["env", *(f"{name}={value}" for name, value in environment.items()), uv, "build", "--out-dir", str(target)]
    return subprocess.run(command, cwd=clone, capture_output=True, text=True, timeout=110, check=False)


@pytest.mark.slow
def test_without_a_registry_the_build_says_how_and_with_one_the_wheel_has_the_scripts(clone, tmp_path):
    alone = build(
        clone, tmp_path, npm_config_registry="http://127.0.0.1:9", npm_config_cache=tmp_path, npm_config_fetch_retries=0
    )
    assert alone.returncode != 0
    assert "make setup" in alone.stderr

    built = build(clone, tmp_path)
    assert built.returncode == 0, built.stderr
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        sums = archive.read(f"{_VENDOR}/SHA256SUMS")
        names = {line.split()[1] for line in sums.decode().splitlines()} | {"countries.geojson", "SHA256SUMS"}
        assert names == {Path(name).name for name in archive.namelist() if name.startswith(_VENDOR)}
    assert sums == (_ROOT / "frontend/SHA256SUMS").read_bytes()
