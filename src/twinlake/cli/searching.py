"""Searching a site from the command line: the options that commands share, and the pages they are answered with."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import typer

from twinlake.cli.client import SiteClient
from twinlake.cli.instants import expand_datetime
from twinlake.core.documents import JsonObject
from twinlake.standards.rfc3339 import parse_instant

SEARCH_PATH = "/stac/v2/search"
_PAGE = 500
_FEDERATION = ("federation:missing", "twinlake:federation")
_HOW_MISSING = {
    "peer-answer": "did not answer as it should",
    "invalid-answer": "did not answer as it should",
    "peer-refused": "refused to answer",
    "unsupported": "cannot answer this",
}

INCOMPLETE = 4
"""Exit code of a command whose answer lacks what a site may hold that did not answer."""

CollectionsOption = Annotated[
    list[str] | None, typer.Option("--collection", "-c", metavar="ID", help="Only items of this collection; may be repeated.")
]
BBoxOption = Annotated[
    str | None, typer.Option(metavar="W,S,E,N", help="Only items that touch this box, degrees; W > E crosses the antimeridian.")
]
DatetimeOption = Annotated[
    str | None, typer.Option(metavar="TIME", help="A day, month, year, instant or interval: 2024-06, ../2020.")
]
FilterOption = Annotated[str | None, typer.Option(metavar="CQL2", help='A filter in CQL2 text: "eo:cloud_cover < 10".')]
SortOption = Annotated[str | None, typer.Option(metavar="NAMES", help="Sort by these, - in front for descending: -datetime,id.")]
LimitOption = Annotated[int | None, typer.Option(min=1, help="Stop after this many items.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """What a user asked for."""

    collections: list[str] | None = None
    bbox: str | None = None
    datetime: str | None = None
    filter: str | None = None
    sortby: str | None = None
    limit: int | None = None

    def is_empty(self) -> bool:
        """Tell whether nothing was asked for but a number of items."""
        return not any((self.collections, self.bbox, self.datetime, self.filter))

    def to_body(self) -> JsonObject:
        """Write the body of a STAC item search.

        Raises
        ------
        typer.BadParameter
            The box is no list of numbers, or the time is none.
        """
        body: JsonObject = {"limit": min(self.limit or _PAGE, _PAGE)}
        if self.collections:
            body["collections"] = self.collections
        if self.bbox:
            body["bbox"] = _parse_bbox(self.bbox)
        if self.datetime:
            body["datetime"] = _parse_datetime(self.datetime)
        if self.filter:
            body |= {"filter": self.filter, "filter-lang": "cql2-text"}
        if self.sortby:
            body["sortby"] = [_parse_key(key.strip()) for key in self.sortby.split(",")]
        return body


class ItemSearch:
    """The items that *options* ask for, read page by page while they are iterated over, once.

    Attributes
    ----------
    matched
        How many there are over all pages, as far as the site has said; else None.
    federation
        What the last page told of the sites that it is from: ``federation:missing``, ``twinlake:federation``.
    """

    def __init__(self, site: SiteClient, options: SearchOptions) -> None:
        self.options = options
        self.matched: int | None = None
        self.federation: JsonObject = {}
        self._site = site

    def __iter__(self) -> Iterator[JsonObject]:
        """Yield items.

        Raises
        ------
        SiteRefusedError, SiteUnreachableError
            The site does not answer, or not with items.
        """
        body: JsonObject | None = self.options.to_body()
        left = self.options.limit
        while body is not None:
            page = self._site.json("POST", SEARCH_PATH, json=body)
            self.matched = page.get("numberMatched", self.matched)
            self.federation = {name: page[name] for name in _FEDERATION if name in page}
            yield from page["features"][:left]
            left = None if left is None else left - len(page["features"])
            body = None if left is not None and left <= 0 else _next_body(page)

    @property
    def missing(self) -> list[JsonObject]:
        """The sites that should have answered and did not, each with ``id`` and ``reason``; a later page repeats them."""
        missing: list[JsonObject] = self.federation.get("twinlake:federation", {}).get("missing", [])
        return missing

    def tell_missing(self) -> None:
        """Say on standard error which sites' items are missing."""
        for site in self.missing:
            how = _HOW_MISSING.get(site["reason"], "did not answer")
            typer.secho(f"{site['id']} {how} ({site['reason']}); its items are missing.", err=True, fg="yellow")


def _next_body(page: JsonObject) -> JsonObject | None:
    bodies = [link.get("body") for link in page.get("links", ()) if link.get("rel") == "next"]
    # A page without items and with a next link would be followed for ever.
    return bodies[0] if bodies and page["features"] else None


def _parse_bbox(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in {4, 6}:
        raise typer.BadParameter(f"{text!r} is not four numbers: west,south,east,north.", param_hint="--bbox")
    return numbers


def _parse_datetime(text: str) -> str:
    expanded = expand_datetime(text)
    try:
        for side in expanded.split("/", 1):
            if side not in {"", ".."}:
                parse_instant(side)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time. Write a year, month or day (2024, 2024-06, 2024-06-30), an instant of RFC 3339"
            " (2024-06-30T12:00:00Z), or two of these with / between them, .. for an open side.",
            param_hint="--datetime",
        ) from None
    return expanded


def _parse_key(key: str) -> JsonObject:
    return {"field": key.lstrip("+-"), "direction": "desc" if key.startswith("-") else "asc"}


def to_json(document: JsonObject) -> str:
    """Write a document on one line."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
