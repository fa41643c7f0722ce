"""The whole story, from an empty folder to an open console."""

import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.panel import Panel

from twinlake.cli.client import SiteClient, SiteRefusedError, SiteUnreachableError, read_token
from twinlake.cli.demo import chapters
from twinlake.cli.demo.narrator import Narrator, StepFailedError
from twinlake.cli.demo.process import make_site, serving
from twinlake.cli.demo.sources import list_sources
from twinlake.core.errors import TwinlakeError
from twinlake.site.layout import SiteFolder

_REPORT = Path("build/demo-report.json")


def run_demo(directory: Path, *, port: int, once: bool, keep: bool) -> int:
    """Tell the story; return the exit code.

    Parameters
    ----------
    once
        Stop when it is told. So it is without a terminal, too, unless *keep* is set.
    keep
        Keep the site up after the story until SIGTERM or Ctrl-C.
    """
    console = Console(highlight=False)
    narrator = Narrator(console)
    stays = keep or (not once and console.is_terminal)
    signal.signal(signal.SIGTERM, _interrupt)
    began = time.monotonic()
    url = f"http://127.0.0.1:{port}"
    try:
        with ExitStack() as stack:
            with narrator.step("site", f"A site starts at {url}") as figures:
                folder = make_site(directory, port=port)
                process = stack.enter_context(serving(folder))
                narrator.say(f"its folder: {folder.path}")
                figures["folder"] = str(folder.path)
            _tell(narrator, folder, url)
            narrator.write_report(_REPORT)
            console.print(f"\nTold in {time.monotonic() - began:.0f} s; the report is in {_REPORT}.")
            if stays:
                console.print(Panel(_invitation(url, folder), expand=False))
                process.wait()
    except (StepFailedError, SiteRefusedError, SiteUnreachableError) as error:
        narrator.write_report(_REPORT)
        console.print(f"\n{error}", style="red")
        return 1
    except KeyboardInterrupt:
        console.print("\nThe site is stopped.")
    except TwinlakeError:
        narrator.write_report(_REPORT)
        raise
    return 0


def _tell(narrator: Narrator, folder: SiteFolder, url: str) -> None:
    token = read_token(folder.admin_token)
    with SiteClient(url, token=token) as site, tempfile.TemporaryDirectory() as workshop:
        listener = chapters.Listener(url, token)
        with narrator.step("taken in", "It takes in real data") as figures:
            chapters.take_in(site, list_sources(), Path(workshop), narrator, figures)
            items = figures["items"]
        with narrator.step("found", "What it holds is found") as figures:
            found = chapters.find(site, items, narrator, figures)
        with narrator.step("fetched and verified", "Bytes come as they went in") as figures:
            chapters.fetch(site, found, narrator, figures)
        with narrator.step("announced", "Who listened was told of every change") as figures:
            chapters.be_told(listener, items, narrator, figures)
        with narrator.step("console", "People look at it in a browser") as figures:
            chapters.look(site, narrator, figures)


def _invitation(url: str, folder: SiteFolder) -> str:
    return (
        f"The console is open at [bold]{url}/[/bold]\n"
        f"Sign in with the token in {folder.admin_token}\n"
        f"Try:  twinlake search --to {url} --collection climate-projections\n"
        "Ctrl-C stops the site."
    )


def _interrupt(number: int, frame: FrameType | None) -> None:
    _ = number, frame
    sys.stdout.flush()
    raise KeyboardInterrupt
