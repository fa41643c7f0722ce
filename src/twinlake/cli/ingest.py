"""`twinlake ingest`: send files, have the site take them in, print what became of each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from twinlake.cli.client import DEFAULT_URL, SiteClient, SiteRefusedError, TokenFileOption, ToOption
from twinlake.cli.following import follow_job
from twinlake.cli.uploading import LocalFile, Uploader, find_files
from twinlake.core.counting import count
from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError
from twinlake.core.ids import check_id

_COLLECTIONS = "/stac/v2/collections"
_FORBIDDEN, _NOT_FOUND = 403, 404
_COLOURS = {"created": "green", "updated": "green", "planned": "green", "refused": "red", "ignored": "yellow"}


class IngestRefusedError(TwinlakeError):
    """The site would not take the files in, which is known before any is sent."""

    code = "ingest-refused"


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("ingest")(ingest)


def ingest(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files and folders to take in.")],
    *,
    collection: Annotated[str, typer.Option("--collection", "-c", metavar="ID", help="Collection that the items go to.")],
    to: ToOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
    recipe: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="TOML that states what the files lack: time, CRS, grouping, licence.",
        ),
    ] = None,
    link: Annotated[
        bool, typer.Option("--link", help="Leave the files where they are; the site reads them under its ingest.link_roots.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would become of each file: they are sent, and nothing is taken in.")
    ] = False,
    create_collection: Annotated[bool, typer.Option("--create-collection", help="Make the collection if there is none.")] = False,
) -> None:
    """Take files into a collection: GeoTIFF, NetCDF, Zarr, GeoJSON, GeoParquet, CSV and STAC documents.

    Files are sent in pieces; run the same command again to go on after an interruption. What the site has already is
    not sent again, and what is in the collection already stays unchanged. A file that cannot be taken in is reported
    with the reason and what to do, and never stops the rest.

    Ends with 0 if all files are in, 1 if some were refused or the job failed, 2 if the command is wrong.

    For example:

    `twinlake ingest sst/*.nc --collection sst --create-collection --to https://lake.example --token-file admin.token`

    `twinlake ingest scenes/ -c sentinel --recipe sentinel.toml --dry-run` shows what would happen.

    `twinlake ingest /data/archive -c archive --link` reads files where they are, if the site is on this machine.
    """
    files = find_files(paths)
    spec: JsonObject = {"collection": collection, "dry_run": dry_run, "create_collection": create_collection}
    if recipe is not None:
        spec["recipe"] = _read_recipe(recipe)
    check_id(collection, "collection")
    if token_file is None:
        raise IngestRefusedError("Who takes files in needs a token.", remedy="Give --token-file FILE or TWINLAKE_TOKEN_FILE.")
    console = Console()
    with SiteClient.open(to, token_file) as site:
        if create_collection:
            _warn_of_namesakes(site, collection)
        else:
            _require_collection(site, collection)
        if link:
            spec["files"] = [{"name": file.name, "link": str(file.path)} for file in files]
        else:
            uploads = _send(site, files, console, collection=collection, create_collection=create_collection)
            spec["files"] = [{"name": file.name, "upload": uploads[file.name]} for file in files]
        job = site.json("POST", "/jobs", json={"kind": "ingest", "spec": spec})
        ended = _follow(site, job["jobID"], console)
        if ended["status"] != "successful":
            error = ended.get("error") or {"detail": f"The job was {ended['status']}.", "remedy": None}
            typer.secho(f"Job {job['jobID']}: {error['detail']}", err=True, fg="red")
            if error["remedy"]:
                typer.echo(f"  {error['remedy']}", err=True)
            raise typer.Exit(1)
        report = site.json("GET", f"/jobs/{job['jobID']}/results")
    print_report(report, console)
    raise typer.Exit(0 if is_all_in(report) else 1)


def _read_recipe(recipe: Path) -> str:
    # Here, because other commands start faster without it.
    from twinlake.holdings.recipes import parse_recipe

    try:
        text = recipe.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise typer.BadParameter(f"{recipe}: {reason}.", param_hint="--recipe") from error
    parse_recipe(text)
    return text


def _require_collection(site: SiteClient, collection: str) -> None:
    try:
        site.call("GET", f"{_COLLECTIONS}/{quote(collection, safe='')}")
    except SiteRefusedError as error:
        if error.answered == _NOT_FOUND:
            raise IngestRefusedError(
                f"There is no collection {collection!r}.", remedy="Check its id, or add --create-collection to make it."
            ) from error
        # A token may be good for writing and not for searching; then the job finds out.
        if error.answered != _FORBIDDEN:
            raise


def _warn_of_namesakes(site: SiteClient, collection: str) -> None:
    """Say which other sites have a collection of this id, if this one has none yet."""
    named = {"filter": f"id = '{collection}'", "filter-lang": "cql2-text"}
    try:
        if site.json("GET", _COLLECTIONS, params={**named, "federation:local": "true"})["collections"]:
            return
        found = site.json("GET", _COLLECTIONS, params=named)["collections"]
    except SiteRefusedError as error:
        # A token may be good for writing and not for searching.
        if error.answered != _FORBIDDEN:
            raise
        return
    if others := sorted({backend for each in found for backend in each.get("federation:backends", ())}):
        has = f"{others[0]} has a collection" if len(others) == 1 else f"{' and '.join(others)} have collections"
        typer.secho(
            f"{has} of the id {collection!r}. It and the new one stand side by side, and a search of this id finds the items"
            " of all; federation:backends tells whose they are. Choose another id if they do not belong together.",
            err=True,
            fg="yellow",
        )


def is_all_in(report: JsonObject) -> bool:
    """Tell whether nothing was refused, neither a file nor a document in one."""
    return not any(is_refused(row) for row in report["files"])


def is_refused(row: JsonObject) -> bool:
    """Tell whether a file, or a document in it, was refused."""
    return row["outcome"] == "refused" or bool((row.get("items") or {}).get("refused"))


def print_report(report: JsonObject, console: Console) -> None:
    """Print what became of each file, then the counts. Files that are part of another's item are only counted.

    A terminal gets a table, anything else a line per file with tabs between outcome, file, item, reason and remedy.
    """
    shown = [row for row in report["files"] if row["outcome"] != "part-of"]
    if console.is_terminal and shown:
        console.print(_write_table(shown))
    else:
        for row in shown:
            advice = (row.get(name) or "" for name in ("item", "reason", "remedy"))
            typer.echo("\t".join((_describe_outcome(row), row["file"], *advice)).rstrip())
    counts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(report["counts"].items()))
    typer.echo(f"{'Dry run of c' if report['dry_run'] else 'C'}ollection {report['collection']}: {counts}.")


def _write_table(rows: Sequence[JsonObject]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("file", "outcome", "item", "reason and remedy"):
        table.add_column(name, overflow="fold")
    for row in rows:
        advice = " ".join(text for text in (row.get("reason"), row.get("remedy")) if text)
        outcome = Text(_describe_outcome(row), style=_COLOURS.get(row["outcome"], ""))
        table.add_row(Text(row["file"]), outcome, Text(row.get("item") or ""), Text(advice))
    return table


def _describe_outcome(row: JsonObject) -> str:
    items = row.get("items")
    return ", ".join(f"{number} {outcome}" for outcome, number in items.items()) if items else str(row["outcome"])


def _send(
    site: SiteClient, files: Sequence[LocalFile], console: Console, *, collection: str, create_collection: bool
) -> dict[str, str]:
    """Send what the site has not yet, and say what that was; return the upload of each file by its name."""
    total = sum(file.size_bytes for file in files)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"Sending {count(len(files), 'file')}", total=total)
        uploader = Uploader(
            site, lambda _file, done: progress.advance(task, done), collection=collection, create_collection=create_collection
        )
        uploads = uploader.send(files)
    sent = f"{count(len(files), 'file')}, {count(total, 'byte')}"
    if known := total - uploader.sent_bytes:
        sent += (
            "; nothing was sent, the site has them" if known == total else f"; {count(known, 'byte')} of them were at the site"
        )
    typer.echo(f"{sent}.")
    return uploads


def _say(state: JsonObject) -> None:
    """Print where a job is; what came of one that has ended well is in its message, and may be that all was refused."""
    if state["status"] == "successful":
        typer.echo(f"The job has ended: {state['message']}.")
        return
    steps = state["steps"]
    counted = "" if steps["total"] is None else f": {steps['done']} of {steps['total']} {steps['unit']}"
    message = f" – {state['message']}" if state["message"] else ""
    typer.echo(f"{state['status']}{counted}{message}")


def _follow(site: SiteClient, job: str, console: Console) -> JsonObject:
    """Show the job as it goes; return its last state."""
    state: JsonObject = {}
    if not console.is_terminal:
        typer.echo(f"Job {job} takes them in.")
        for state in follow_job(site, job):
            _say(state)
        return state
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console) as progress:
        task = progress.add_task(f"Job {job}", total=None)
        for state in follow_job(site, job):
            steps, message = state["steps"], escape(state["message"] or f"Job {job}")
            progress.update(task, description=message, completed=steps["done"], total=steps["total"])
    return state
