"""`twinlake search`: find items and print them."""

from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from twinlake.cli.client import DEFAULT_URL, SiteClient, TokenFileOption, ToOption
from twinlake.cli.explaining import explain_nothing
from twinlake.cli.searching import (
    INCOMPLETE,
    BBoxOption,
    CollectionsOption,
    DatetimeOption,
    FilterOption,
    ItemSearch,
    SearchOptions,
    SortOption,
    to_json,
)
from twinlake.core.counting import count
from twinlake.core.documents import JsonObject
from twinlake.standards.datalake import single_assets

_DEFAULT_LIMIT = 20


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("search")(search)


def search(
    *,
    collections: CollectionsOption = None,
    bbox: BBoxOption = None,
    datetime: DatetimeOption = None,
    filter: FilterOption = None,  # noqa: A002  # the name of the option
    sortby: SortOption = None,
    limit: Annotated[int, typer.Option(min=1, help="Print at most this many items.")] = _DEFAULT_LIMIT,
    as_json: Annotated[bool, typer.Option("--json", help="Print one FeatureCollection.")] = False,
    as_ndjson: Annotated[bool, typer.Option("--ndjson", help="Print an item per line, as they come.")] = False,
    as_table: Annotated[bool, typer.Option("--table", help="Print a table, also where standard output is no terminal.")] = False,
    to: ToOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
) -> None:
    """Find items and print them.

    A terminal gets a table, anything else a line per item with tabs between collection, id, time and assets.
    Ends with 0 if something was found, 3 if nothing was, 1 if the search failed, 2 if the command is wrong. Ends with 4,
    whatever was found, if a site of the federation did not answer; standard error names it, and --json has what the
    site that was asked tells of it.

    For example:

    `twinlake search -c sst --datetime 2024-01/2024-02 --bbox 5,45,15,55`

    `twinlake search --filter "eo:cloud_cover < 10" --sortby -datetime --ndjson | jq .id`
    """
    if as_json + as_ndjson + as_table > 1:
        raise typer.BadParameter("Choose one of --json, --ndjson and --table.")
    options = SearchOptions(collections=collections, bbox=bbox, datetime=datetime, filter=filter, sortby=sortby, limit=limit)
    with SiteClient.open(to, token_file) as site:
        found = ItemSearch(site, options)
        if as_json:
            is_empty = _print_collection(found)
        elif as_ndjson:
            is_empty = _print_lines(found, to_json)
        elif as_table or Console().is_terminal:
            is_empty = _print_table(found)
        else:
            is_empty = _print_lines(found, lambda document: "\t".join(_describe(document)))
        found.tell_missing()
        if is_empty and found.missing:
            typer.echo("Nothing found at the sites that answered.", err=True)
        elif is_empty:
            for sentence in explain_nothing(site, options):
                typer.echo(sentence, err=True)
    raise typer.Exit(INCOMPLETE if found.missing else 3 if is_empty else 0)


def _print_collection(found: ItemSearch) -> bool:
    items = list(found)
    collection: JsonObject = {"type": "FeatureCollection", "features": items}
    if items and found.matched is not None:
        collection["numberMatched"] = found.matched
    typer.echo(to_json({**collection, "numberReturned": len(items), **found.federation}))
    return not items


def _print_lines(found: ItemSearch, write: Callable[[JsonObject], str]) -> bool:
    printed = 0
    for item in found:
        typer.echo(write(item))
        printed += 1
    return printed == 0


def _print_table(found: ItemSearch) -> bool:
    items = list(found)
    if not items:
        return True
    table = Table("collection", "item", "time", "assets", box=None, pad_edge=False)
    for item in items:
        table.add_row(*(Text(text) for text in _describe(item)))
    Console().print(table)
    if found.matched is not None:
        typer.echo(f"{len(items)} of {count(found.matched, 'item')}.")
    else:
        typer.echo(f"{count(len(items), 'item')}; how many there are in all is not known.")
    return False


def _describe(document: JsonObject) -> tuple[str, str, str, str]:
    properties = document["properties"]
    start, end = properties.get("start_datetime"), properties.get("end_datetime")
    time = properties.get("datetime") or f"{start or '..'}/{end or '..'}"
    return (
        str(document.get("collection") or ""),
        str(document["id"]),
        time,
        " ".join(single_assets(document)),
    )
