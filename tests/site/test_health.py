"""`/health` says what a change would meet, without costing one."""

import contextlib
import os
import subprocess

import pytest

from twinlake.testing.clock import HandClock
from twinlake.testing.site import local_site


@pytest.fixture
def quota(tmp_path):
    """A file system with much room but few files, as under a quota, where this user may mount one."""
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1g,nr_inodes=1500", "tmpfs", disk]
    mounted = subprocess.run(command, check=False, capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


async def test_a_disk_that_refuses_what_it_seems_to_have_room_for_is_told(quota):
    clock, ballast = HandClock(), quota / "ballast"
    async with local_site(quota, clock=clock) as site, site.client() as nobody:
        well = await nobody.get("/health")
        ballast.mkdir()
        with contextlib.suppress(OSError):
            for n in range(2000):
                (ballast / str(n)).touch()
        kept = await nobody.get("/health")
        clock.advance(seconds=6)
        refused = await nobody.get("/health")
        (ballast / "0").unlink()
        clock.advance(seconds=6)
        again = await nobody.get("/health")

        assert [each.status_code for each in (well, kept, refused, again)] == [200, 200, 503, 200]
        assert refused.json()["checks"] == {
            "reading": "ok",
            "writing": "The disk of the database takes no new file: No space left on device.",
            "disk": "ok",
        }
        assert not (site.services.folder.database.parent / "probe").exists()
