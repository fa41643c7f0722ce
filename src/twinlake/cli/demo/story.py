"""The whole story, from an empty folder to an open console."""

import json
import os
import shlex
import shutil
import signal
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.panel import Panel

from twinlake.cli.client import SiteClient, SiteRefusedError, SiteUnreachableError, read_token
from twinlake.cli.demo import chapters, near_data
from twinlake.cli.demo.narrator import Narrator, StepFailedError
from twinlake.cli.demo.process import DemoSite, make_sites, start_together
from twinlake.cli.demo.sources import list_sources
from twinlake.cli.demo.visiting import Visitor
from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError

_REPORT = Path("build/demo-report.json")


def run_demo(directory: Path, *, port: int, once: bool, keep: bool) -> int:
    """Tell the story; return the exit code.

    Parameters
    ----------
    once
        Stop when it is told. So it is without a terminal, too, unless *keep* is set.
    keep
        Keep the sites up after the story until SIGTERM or Ctrl-C.
    """
    console = Console(highlight=False)
    narrator = Narrator(console)
    stays = keep or (not once and console.is_terminal)
    signal.signal(signal.SIGTERM, _interrupt)
    began = time.monotonic()
    try:
        with ExitStack() as stack:
            with narrator.step("sites", f"Three sites start, the first at http://127.0.0.1:{port}") as figures:
                sites = make_sites(directory, port=port)
                for site in sites:
                    stack.callback(site.stop)
                start_together(sites)
                for site in sites:
                    narrator.say(f"{site.id:8} {site.url}  {site.folder.path}")
                figures["folders"] = [str(site.folder.path) for site in sites]
            _tell(narrator, sites, directory)
            narrator.write_report(_REPORT)
            console.print(f"\nTold in {time.monotonic() - began:.0f} s; the report is in {_REPORT}.")
            if stays:
                stop = "Ctrl-C" if console.is_terminal else f"kill {os.getpid()}"
                console.print(Panel(_invitation(sites[0].url, directory, stop), expand=False))
                sites[0].wait()
            else:
                console.print("The sites stop now; make demo ARGS=--serve keeps them up.")
    except (StepFailedError, SiteRefusedError, SiteUnreachableError) as error:
        narrator.write_report(_REPORT)
        console.print(f"\n{error}", style="red")
        return 1
    except KeyboardInterrupt:
        console.print("\nThe sites are stopped.")
    except TwinlakeError:
        narrator.write_report(_REPORT)
        raise
    return 0


def _tell(narrator: Narrator, sites: Sequence[DemoSite], directory: Path) -> None:
    central, climate, _ = sites
    password = json.loads((directory / "accounts.json").read_text(encoding="utf-8"))["researcher"]
    with tempfile.TemporaryDirectory() as workshop:
        with narrator.step("joined", "Their operators let them trust each other") as figures:
            chapters.join(sites, narrator, figures)
        listeners = [chapters.Listener(site.url, read_token(site.folder.admin_token)) for site in sites]
        with narrator.step("taken in", "Each takes in real data of its own") as figures:
            chapters.take_in(sites, list_sources(), Path(workshop), narrator, figures)
            items = figures["items"]
    with Visitor(central.url) as visitor:
        with narrator.step("signed in", "A researcher signs in, once") as figures:
            tokens = chapters.sign_in(visitor, sites, password, narrator, figures)
        with SiteClient(central.url, token=tokens[0]) as site:
            with narrator.step("found", "One question at one site finds what all of them hold") as figures:
                found = chapters.find(site, items, narrator, figures)
            with narrator.step("fetched and verified", "Bytes come from the site that holds them, as they went in") as figures:
                chapters.fetch(found, narrator, figures)
            with narrator.step("announced", "Who listened was told of every change") as figures:
                chapters.be_told(listeners, items, narrator, figures)
            with narrator.step("lost and back", "A bridge falls, is named as missing, and is back") as figures:
                chapters.lose_and_regain(site, climate, items, narrator, figures)
            with narrator.step("services", "What all sites offer") as figures:
                chapters.see_services(site, narrator, figures)
        _compute(narrator, visitor, central, climate, token=tokens[1], items=found, target=directory / "ndvi.tif")
    with (
        SiteClient(central.url, token=read_token(central.folder.admin_token)) as operator,
        narrator.step("console", "People look at it in a browser") as figures,
    ):
        chapters.look(operator, narrator, figures)


def _compute(
    narrator: Narrator,
    visitor: Visitor,
    central: DemoSite,
    climate: DemoSite,
    *,
    token: str,
    items: Sequence[JsonObject],
    target: Path,
) -> None:
    """Tell the chapters on openEO; *token* is that of the bridge."""
    with near_data.explained(central.log):
        with narrator.step("let in", "openEO's own client is let in") as figures:
            client = near_data.sign_in(visitor, central.url, narrator, figures)
        with narrator.step("anomalies", "It has the Pacific measured where the data are, while it waits") as figures:
            near_data.measure_el_nino(client, narrator, figures)
    with (
        near_data.explained(climate.log),
        narrator.step("mitigation", "A batch job at the site that holds the projections: what mitigation buys") as figures,
    ):
        near_data.compare_scenarios(near_data.enter(climate.url, token), items, narrator, figures)
    with (
        near_data.explained(central.log),
        narrator.step("vegetation", "A batch job and a map: how green a scene of Sentinel-2 is") as figures,
    ):
        near_data.map_vegetation(client, target, narrator, figures)


def _invitation(url: str, directory: Path, stop: str) -> str:
    return (
        f"The console is open at [bold]{url}/[/bold]\n"
        f"Sign in as researcher or operator; the passwords are in {directory / 'accounts.json'}\n"
        f"Try:  {runnable_command()} search --to {url} --collection climate-projections\n"
        f"{stop} stops the sites."
    )


def runnable_command() -> str:
    """Return how this command is called from here: by its name alone only where the shell finds it by that."""
    installed = Path(sysconfig.get_path("scripts"), "twinlake")
    found = shutil.which("twinlake")
    if found is not None and Path(found).absolute() == installed:
        return "twinlake"
    here = Path.cwd()
    return shlex.quote(str(installed.relative_to(here) if installed.is_relative_to(here) else installed))


def _interrupt(number: int, frame: FrameType | None) -> None:
    _ = number, frame
    sys.stdout.flush()
    raise KeyboardInterrupt
