"""`twinlake access`: who may see and read a collection."""

from enum import StrEnum
from typing import Annotated
from urllib.parse import quote

import typer

from twinlake.cli.client import DEFAULT_URL, SiteClient, TokenFileOption, ToOption
from twinlake.core.documents import JsonObject

access = typer.Typer(help="Show or change who may see and read a collection.", no_args_is_help=True)
CollectionArgument = Annotated[str, typer.Argument(metavar="COLLECTION", help="Id of the collection.")]


class Kind(StrEnum):
    """Kinds of access, from the widest to the narrowest."""

    OPEN = "open"
    LICENSED = "licensed"
    RESTRICTED = "restricted"
    PRIVATE = "private"


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.add_typer(access, name="access")


@access.command("show")
def show(collection: CollectionArgument, *, to: ToOption = DEFAULT_URL, token_file: TokenFileOption = None) -> None:
    """Show the access record of a collection."""
    with SiteClient.open(to, token_file) as site:
        _print(site.json("GET", _address(collection)))


@access.command("set")
def change(
    collection: CollectionArgument,
    kind: Annotated[
        Kind | None,
        typer.Argument(
            metavar="[open|licensed|restricted|private]",
            help="open: everybody reads. licensed: who accepted its licence reads. restricted: members of its projects read."
            " private: nobody else knows of it.",
        ),
    ] = None,
    *,
    owner: Annotated[str | None, typer.Option(metavar="ISSUER|SUBJECT", help="Give it to this principal.")] = None,
    project: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Let this project's members in; repeat it; replaces those before.")
    ] = None,
    embargo_days: Annotated[
        int | None, typer.Option(min=0, help="Hide items younger than this from all but owner and stewards; 0 ends it.")
    ] = None,
    to: ToOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
) -> None:
    """Change who may see and read a collection; what is not named stays.

    For example: `twinlake access set drafts private`, `twinlake access set forecasts open --embargo-days 7`.
    """
    with SiteClient.open(to, token_file) as site:
        record = site.json("GET", _address(collection))
        if kind is not None:
            record["access"] = kind.value
        if owner is not None:
            record["owner"] = owner
        if project is not None:
            record["projects"] = project
        if embargo_days is not None:
            record["embargo_days"] = embargo_days or None
        _print(site.json("PUT", _address(collection), json=record))


def _address(collection: str) -> str:
    return f"/api/collections/{quote(collection, safe='')}/access"


def _print(record: JsonObject) -> None:
    typer.echo(f"access   {record['access']}")
    typer.echo(f"owner    {record['owner'] or 'nobody'}")
    typer.echo(f"projects {', '.join(record['projects']) or 'none'}")
    typer.echo(f"embargo  {record['embargo_days'] or 0} days")
