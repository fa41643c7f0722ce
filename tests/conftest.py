"""What all tests share: the folder of real data, and tests that need it or a Debian package skip aloud."""

import shutil
from pathlib import Path

import pytest

_SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of real data and contracts, or skip."""
    if not _SHARED.is_dir():
        pytest.skip("the folder ../shared with real data and contracts is absent")
    return _SHARED


@pytest.fixture(scope="session")
def need_command():
    """Return a function that skips unless a system command is installed, naming the package."""

    def check(command: str, package: str) -> str:
        path = shutil.which(command)
        if path is None:
            pytest.skip(f"{command} is not installed: apt-get install {package}")
        return path

    return check


def pytest_collection_modifyitems(items):
    for item in items:
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.shared)
