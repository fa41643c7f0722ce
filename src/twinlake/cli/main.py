"""The command `twinlake`."""

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperOption
from typer.main import get_command

from twinlake import __version__
from twinlake.cli import access, admin, federation, get, ingest, jobs, search, site
from twinlake.cli.client import SiteRefusedError
from twinlake.cli.searching import INCOMPLETE
from twinlake.core.errors import TwinlakeError

app = typer.Typer(
    name="twinlake",
    help="Find, get, take in and announce Earth data with a Twinlake site.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
site.register(app)
ingest.register(app)
search.register(app)
get.register(app)
jobs.register(app)
access.register(app)
federation.register(app)
admin.register(app)


def _show_version(wanted: bool) -> None:  # noqa: FBT001  (the shape of an option's callback)
    if wanted:
        typer.echo(f"twinlake {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)] = False,
) -> None:
    _ = version


def _untype_flags(command: Any) -> None:
    """Show flags in the help without ``<bool>``: they take no value."""
    for option in command.get_params(typer.Context(command)):
        if isinstance(option, TyperOption) and option.is_flag:
            option.metavar = ""
    for child in getattr(command, "commands", {}).values():
        _untype_flags(child)


def main() -> None:
    """Run a command; an anticipated failure is one line and its remedy, not a traceback."""
    command = get_command(app)
    _untype_flags(command)
    try:
        command()
    except TwinlakeError as error:
        typer.secho(f"twinlake: {error.message}", err=True, fg="red")
        if error.remedy:
            typer.echo(f"  {error.remedy}", err=True)
        is_incomplete = isinstance(error, SiteRefusedError) and error.problem.get("federation:missing")
        sys.exit(INCOMPLETE if is_incomplete else 1)
