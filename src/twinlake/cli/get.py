"""`twinlake get`: fetch assets of items, many at a time, resumed and verified."""

import json
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from twinlake.cli.client import DEFAULT_URL, SiteClient, TokenFileOption, ToOption
from twinlake.cli.downloading import Downloader
from twinlake.cli.fetching import Fetcher, FileReport, OriginAwareWeb, Wanted, find_wanted
from twinlake.cli.searching import (
    INCOMPLETE,
    BBoxOption,
    CollectionsOption,
    DatetimeOption,
    FilterOption,
    ItemSearch,
    LimitOption,
    SearchOptions,
    SortOption,
)
from twinlake.core.counting import count

_PARALLEL = 4
_INTERRUPTED = 130  # what shells expect after Ctrl-C


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("get")(get)


def get(
    target: Annotated[
        str | None, typer.Argument(metavar="[URL|COLLECTION/ITEM[/ASSET]]", help="What to get; leave it out to search.")
    ] = None,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", file_okay=False, help="Folder to write to.")] = Path(),
    assets: Annotated[
        list[str] | None, typer.Option("--asset", "-a", metavar="KEY", help="Only this asset of each item; may be repeated.")
    ] = None,
    collections: CollectionsOption = None,
    bbox: BBoxOption = None,
    datetime: DatetimeOption = None,
    filter: FilterOption = None,  # noqa: A002  # the name of the option
    sortby: SortOption = None,
    limit: LimitOption = None,
    parallel: Annotated[
        int, typer.Option(min=1, max=32, help="Items, and ranges of large files, fetched at a time.")
    ] = _PARALLEL,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document at the end in place of lines.")] = False,
    to: ToOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
) -> None:
    """Get the files of items: by URL, by id, or all that a search finds.

    Files go to DIR/COLLECTION/ITEM/, those of a plain URL to DIR. Large files come in parallel ranges. What is
    interrupted is resumed by the same command; a file that changed meanwhile is fetched again from its beginning. Every
    file is checked against the SHA-256 that the item or the site states, and takes its name only then. The token goes to
    the site of --to only.

    Ends with 0 if every file is here, 1 if some are not, 2 if the command is wrong, 3 if nothing was found, 4 if a site
    of the federation did not answer and may have what is missing; standard error names it.

    For example:

    `twinlake get sst/2024-01-01 -o data`

    `twinlake get -c sentinel --datetime 2024-06 --bbox 5,45,15,55 --asset data -o data`

    `twinlake get https://lake.example/data/central/sst/2024-01-01/data`
    """
    options = SearchOptions(collections=collections, bbox=bbox, datetime=datetime, filter=filter, sortby=sortby, limit=limit)
    stopped = threading.Event()
    began = time.monotonic()
    reports: list[FileReport] = []
    with ExitStack() as opened:
        site = opened.enter_context(SiteClient.open(to, token_file))
        anonymous = opened.enter_context(SiteClient(to))
        display = opened.enter_context(_Display(lines=not as_json))
        ranges = opened.enter_context(ThreadPoolExecutor(parallel))
        items = opened.enter_context(ThreadPoolExecutor(parallel))
        search = ItemSearch(site, options)
        downloader = Downloader(OriginAwareWeb(site, anonymous), ranges=ranges, stopped=stopped, advanced=display.advance)
        try:
            wanted = find_wanted(site, target, search, assets, output)
            for report in _fetch_all(items, Fetcher(downloader), wanted, display):
                display.tell(report)
                reports.append(report)
        except KeyboardInterrupt:
            stopped.set()
            typer.echo("Stopped. Run the same command again to go on.", err=True)
            raise typer.Exit(_INTERRUPTED) from None
        except BaseException:
            stopped.set()
            raise
    search.tell_missing()
    _summarise(reports, search, time.monotonic() - began, as_json=as_json)
    raise typer.Exit(_exit_code(reports, search))


def _exit_code(reports: list[FileReport], search: ItemSearch) -> int:
    if any(report.outcome == "failed" for report in reports):
        return 1
    if search.missing:
        return INCOMPLETE
    return 0 if reports else 3


def _fetch_all(pool: ThreadPoolExecutor, fetcher: Fetcher, wanted: Iterable[Wanted], display: "_Display") -> Iterator[FileReport]:
    """Fetch items as a search yields them, a few ahead, and yield what became of each file as it ends."""
    running: set[Future[list[FileReport]]] = set()
    for each in wanted:
        running.add(pool.submit(fetcher.fetch, each, display.announce))
        if len(running) >= 2 * _PARALLEL:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (report for future in done for report in future.result())
    while running:
        done, running = wait(running, return_when=FIRST_COMPLETED)
        yield from (report for future in done for report in future.result())


class _Display:
    """Tells how it goes: a bar on a terminal's standard error, a line per file on standard output."""

    def __init__(self, *, lines: bool) -> None:
        self._lines = lines
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._task = self._progress.add_task("Getting", total=0)
        self._total = 0
        self._guard = threading.Lock()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def announce(self, size_bytes: int) -> None:
        """Expect so many bytes more."""
        with self._guard:
            self._total += size_bytes
            self._progress.update(self._task, total=self._total)

    def advance(self, size_bytes: int) -> None:
        """Note that so many bytes are here."""
        self._progress.advance(self._task, size_bytes)

    def tell(self, report: FileReport) -> None:
        """Print a line for a file."""
        if self._lines:
            words = _describe(report)
            if self._progress.disable:
                typer.echo("\t".join(words), err=report.outcome == "failed")
            else:
                self._progress.console.print(escape("  ".join(words)), style="red" if report.outcome == "failed" else None)


def _describe(report: FileReport) -> tuple[str, ...]:
    if report.outcome == "failed":
        return "failed", f"{report.label} {report.asset}".strip(), report.error or "", report.remedy or ""
    return report.outcome, report.path or "", f"{report.size_bytes} bytes", "verified" if report.verified else "not verified"


def _summarise(reports: list[FileReport], search: ItemSearch, seconds: float, *, as_json: bool) -> None:
    here = [report for report in reports if report.outcome != "failed"]
    size_bytes = sum(report.size_bytes for report in here)
    if as_json:
        summary = {
            "files": [asdict(report) for report in reports],
            "here": len(here),
            "failed": len(reports) - len(here),
            "verified": sum(report.verified for report in here),
            "size_bytes": size_bytes,
            "seconds": round(seconds, 3),
            "missing": search.missing,
        }
        typer.echo(json.dumps(summary, ensure_ascii=False))
    elif not reports:
        typer.echo("Nothing was found at the sites that answered." if search.missing else "Nothing was found.")
    else:
        files = f"{count(len(reports), 'file')} {'is' if len(reports) == 1 else 'are'}"
        typer.echo(f"{len(here)} of {files} here, {count(size_bytes, 'byte')}, in {seconds:.1f} s.")
