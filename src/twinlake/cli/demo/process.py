"""The demonstration's site: a folder of its own and a `twinlake serve` in a process of its own."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from twinlake.cli.demo.narrator import StepFailedError
from twinlake.core.clock import SystemClock
from twinlake.core.errors import ConflictError
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.site.layout import SiteFolder
from twinlake.site.setup import init_site

_MARK = ".twinlake-demo"
_STOP_SECONDS = 20.0


def make_site(directory: Path, *, port: int) -> SiteFolder:
    """Make a new site in ``directory/central``, in place of one that an earlier demonstration made there.

    Raises
    ------
    ConflictError
        There is something in the folder that no demonstration made.
    """
    mark, central = directory / _MARK, directory / "central"
    if directory.exists() and any(directory.iterdir()) and not mark.exists():
        raise ConflictError(f"{directory} is not empty, and no demonstration made it.", remedy="Choose another folder: DIR=...")
    directory.mkdir(parents=True, exist_ok=True)
    mark.touch()
    shutil.rmtree(central, ignore_errors=True)
    return asyncio.run(init_site(central, site_id="central", port=port, clock=SystemClock(), randomness=SYSTEM_RANDOMNESS))


@contextmanager
def serving(folder: SiteFolder) -> Generator["subprocess.Popen[bytes]"]:
    """Serve the site while the block runs; its log goes to ``site.log`` in its folder.

    Raises
    ------
    StepFailedError
        It did not start; the message holds the end of its log.
    """
    log = folder.path / "site.log"
    with log.open("ab") as stream:
        command = [sys.executable, "-m", "twinlake", "serve", "--config", str(folder.config)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stream)
    try:
        assert process.stdout is not None  # a pipe was asked for
        if not process.stdout.readline():  # the line that says it is ready, or the end of a site that could not start
            raise StepFailedError(f"The site did not start:\n{_tail(log)}")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
