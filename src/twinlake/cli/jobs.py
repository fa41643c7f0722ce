"""`twinlake jobs`: what runs, what has run, what it said."""

from typing import Annotated
from urllib.parse import quote, urlsplit

import typer
from rich.console import Console
from rich.table import Table

from twinlake.cli.client import DEFAULT_URL, SiteClient, TokenFileOption, ToOption
from twinlake.cli.ingest import is_refused, print_report
from twinlake.core.documents import JsonObject

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job.")]
_PAGE = 100
_FULL_WIDTH = 1000


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    jobs = typer.Typer(help="See, follow and cancel jobs.", no_args_is_help=True)
    jobs.command("list")(list_jobs)
    jobs.command("show")(show)
    jobs.command("cancel")(cancel)
    jobs.command("logs")(logs)
    app.add_typer(jobs, name="jobs")


def list_jobs(
    *,
    to: ToOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
) -> None:
    """List your jobs, newest first; operators see everybody's.

    A terminal gets a table, anything else a line per job with tabs between job, kind, collection, state,
    progress or what came of it, and time.

    Example: `twinlake jobs list --to https://lake.example --token-file admin.token`
    """
    rows: list[JsonObject] = []
    with SiteClient.open(to, token_file) as site:
        path: str | None = f"/jobs?limit={min(limit, _PAGE)}"
        while path and len(rows) < limit:
            page = site.json("GET", path)
            rows.extend(page["jobs"])
            path = next((_path_of(link["href"]) for link in page["links"] if link["rel"] == "next"), None)
    lines = [_describe(job) for job in rows[:limit]]
    console = Console()
    if not console.is_terminal:
        for line in lines:
            typer.echo("\t".join(line))
        return
    table = Table("job", "kind", "collection", "state", "progress", "created", box=None)
    for line in lines:
        table.add_row(*line)
    console.print(table)


def _describe(job: JsonObject) -> tuple[str, ...]:
    came_of_it = job.get("message") if "finished" in job else None
    progress = came_of_it or describe_progress(job)
    return job["jobID"], job["processID"], job.get("collection", ""), job["status"], progress, job["created"][:19]


def show(job: JobArgument, *, to: ToOption = DEFAULT_URL, token_file: TokenFileOption = None) -> None:
    """Show one job: state, progress, what it took, why it failed; of files taken in, how many, and which were refused.

    Example: `twinlake jobs show 01a20589f9d304334989b7dd3b09`
    """
    with SiteClient.open(to, token_file) as site:
        found = site.json("GET", _address(job))
        is_taken_in = found["processID"] == "ingest" and found["status"] == "successful"
        report = site.json("GET", f"{_address(job)}/results") if is_taken_in else None
    table = Table("", "", box=None, show_header=False)
    usage, error = found["usage"], found.get("error") or {}
    for name, value in (
        ("job", found["jobID"]),
        ("kind", found["processID"]),
        ("collection", found.get("collection")),
        ("state", found["status"]),
        ("progress", describe_progress(found)),
        ("owner", found["owner"]),
        ("created", found["created"]),
        ("started", found.get("started")),
        ("finished", found.get("finished")),
        ("attempts", str(found["attempts"])),
        ("CPU", f"{usage['cpu_seconds']:.1f} s"),
        ("memory", f"{usage['peak_memory_bytes'] / (1 << 20):.0f} MiB at most"),
        ("error", error.get("detail")),
        ("remedy", error.get("remedy")),
    ):
        if value:
            table.add_row(name, value)
    _print(table)
    if report is not None:
        print_report({**report, "files": [row for row in report["files"] if is_refused(row)]}, Console())


def cancel(job: JobArgument, *, to: ToOption = DEFAULT_URL, token_file: TokenFileOption = None) -> None:
    """Cancel a job; what it has finished stays.

    Example: `twinlake jobs cancel 01a20589f9d304334989b7dd3b09`
    """
    with SiteClient.open(to, token_file) as site:
        found = site.json("DELETE", _address(job))
    typer.echo(f"Job {found['jobID']} is {found['status']}.")


def logs(job: JobArgument, *, to: ToOption = DEFAULT_URL, token_file: TokenFileOption = None) -> None:
    """Print what a job has logged.

    Example: `twinlake jobs logs 01a20589f9d304334989b7dd3b09`
    """
    after = "0"
    with SiteClient.open(to, token_file) as site:
        while lines := site.json("GET", f"{_address(job)}/logs?after={after}")["logs"]:
            for line in lines:
                typer.echo(f"{line['time'][:19]} {line['level']:7} {line['message']}")
            after = lines[-1]["id"]
    if after == "0":
        typer.echo(f"Job {job} has logged nothing; `twinlake jobs show {job}` tells what became of it.")


def _print(table: Table) -> None:
    """Print a table; where nobody looks, in its full width."""
    console = Console()
    if not console.is_terminal:
        console.width = _FULL_WIDTH
    console.print(table)


def _address(job: str) -> str:
    return f"/jobs/{quote(job, safe='')}"


def _path_of(href: str) -> str:
    """Return what follows the host: the site may be known by another address here than it calls itself."""
    parts = urlsplit(href)
    return f"{parts.path}?{parts.query}"


def describe_progress(job: JsonObject) -> str:
    """Say how far a job is."""
    steps = job["steps"]
    total = "" if steps["total"] is None else f" of {steps['total']}"
    return f"{steps['done']}{total} {steps['unit']}".strip() if steps["unit"] else ""
