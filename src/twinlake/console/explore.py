"""The explore page: a form becomes a search, a search becomes rows, footprints and code."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import orjson
from starlette.datastructures import QueryParams

from twinlake.console.addresses import Addresses
from twinlake.console.describe import (
    describe_collection,
    describe_item,
    draw_footprint,
    natural_key,
    sort_simultaneous,
    write_count,
    write_features,
)
from twinlake.console.holdings import has_words
from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError, TwinlakeError
from twinlake.core.paging import TokenSeal
from twinlake.holdings.catalogue.interfaces import Catalogue, ItemQuery, Visibility
from twinlake.standards.cql2 import InvalidFilterError, parse_text, properties_of
from twinlake.standards.stac import parse_bbox, parse_datetime_query

_PAGE = 20
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_PLAIN_NAME = re.compile(r"[a-z_]\w*(:[a-z_]\w*)*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The form as it was sent."""

    q: str
    collections: tuple[str, ...]
    start: str
    end: str
    bbox: str
    filter: str
    """CQL2 text."""
    page: str

    @classmethod
    def read(cls, form: QueryParams) -> "Asked":
        """Read the form from a URL."""
        return cls(
            q=form.get("q", "").strip(),
            collections=tuple(dict.fromkeys(one for value in form.getlist("collections") for one in value.split(",") if one)),
            start=form.get("start", "").strip(),
            end=form.get("end", "").strip(),
            bbox=form.get("bbox", "").strip(),
            filter=form.get("filter", "").strip(),
            page=form.get("page", ""),
        )

    def search_body(self, collections: Sequence[str]) -> JsonObject:
        """Return the same question as the body of a STAC item search."""
        body: JsonObject = {"limit": _PAGE}
        if collections:
            body["collections"] = list(collections)
        if self.bbox:
            body["bbox"] = [float(side) for side in self.bbox.split(",")]
        if self.start or self.end:
            body["datetime"] = f"{_bound(self.start, 'T00:00:00Z')}/{_bound(self.end, 'T23:59:59Z')}"
        if self.filter:
            body |= {"filter": self.filter, "filter-lang": "cql2-text"}
        return body

    def next_address(self, path: str, token: str) -> str:
        """Return the address of the next page."""
        pairs = [("q", self.q), ("start", self.start), ("end", self.end), ("bbox", self.bbox), ("filter", self.filter)]
        named = [(name, value) for name, value in pairs if value]
        return f"{path}?{urlencode([*named, *(('collections', one) for one in self.collections), ('page', token)])}"


def _bound(day: str, time: str) -> str:
    if not day:
        return ".."
    return day + time if _DAY.fullmatch(day) else day


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the page shows of a search."""

    headline: str
    items: list[JsonObject]
    footprints: str
    more: str | None
    """The address of the next page."""
    body: JsonObject | None
    """The same question as a STAC item search; None where it is wrong, or its words name no collection."""
    problem: str | None = None
    filter_problem: str | None = None
    """What is wrong with the filter, for its field."""


class Explorer:
    """Answers the explore page."""

    def __init__(self, *, catalogue: Catalogue, seal: TokenSeal, addresses: Addresses, deadline_seconds: float) -> None:
        self._catalogue = catalogue
        self._seal = seal
        self._addresses = addresses
        self._deadline_seconds = deadline_seconds

    async def list_choices(self, visibility: Visibility) -> list[JsonObject]:
        """Return the collections that a form offers, by title."""
        stored = await self._catalogue.list_collections(visibility)
        choices = [describe_collection(orjson.loads(one.body), self._addresses) for one in stored]
        return sorted(choices, key=lambda one: (natural_key(one["title"]), natural_key(one["id"])))

    async def find_example(self, visibility: Visibility) -> str | None:
        """Return a filter that finds some of what is visible, if anything has properties to filter by."""
        return write_example(await self._catalogue.queryables(None, visibility))

    async def answer(self, asked: Asked, choices: Sequence[JsonObject], visibility: Visibility, *, binding: bytes) -> Answer:
        """Search as *asked*; what is wrong with the question is part of the answer.

        Parameters
        ----------
        binding
            Whom the address of the next page is for.
        """
        try:
            return await self._search(asked, choices, visibility, binding)
        except InvalidFilterError as error:
            return _no_answer("The filter is wrong: below its field stands how.", filter_problem=_explain(error))
        except TwinlakeError as error:
            return _no_answer(_explain(error))

    async def _search(self, asked: Asked, choices: Sequence[JsonObject], visibility: Visibility, binding: bytes) -> Answer:
        collections = asked.collections
        if asked.q:
            words = asked.q.casefold().split()
            hits = [one["id"] for one in choices if has_words(one, words)]
            collections = tuple(one for one in hits if not asked.collections or one in asked.collections)
            if not collections:
                return Answer(headline="No collection has these words", items=[], footprints="", more=None, body=None)
        body = _read_body(asked, collections)
        start, end = parse_datetime_query(body["datetime"]) if "datetime" in body else (None, None)
        query = ItemQuery(
            collections=collections or None,
            bbox=parse_bbox(body["bbox"]) if "bbox" in body else None,
            start=start,
            end=end,
            filter=parse_text(asked.filter) if asked.filter else None,
            limit=_PAGE,
            after=tuple(orjson.loads(self._seal.open(asked.page, binding))) if asked.page else None,
        )
        page = await self._catalogue.search(query, visibility, deadline_seconds=self._deadline_seconds)
        token = self._seal.seal(orjson.dumps(page.after), binding) if page.after else ""
        documents = sort_simultaneous(map(orjson.loads, page.bodies))
        return Answer(
            headline="Nothing found" if page.matched == 0 else f"{write_count(page.matched, 'item')} found",
            items=[describe_item(document, self._addresses) for document in documents],
            footprints=write_features(map(draw_footprint, documents)),
            more=asked.next_address(f"{self._addresses.root}/explore", token) if token else None,
            body=body,
            filter_problem=await self._explain_nothing(query, visibility) if page.matched == 0 else None,
        )

    async def _explain_nothing(self, query: ItemQuery, visibility: Visibility) -> str | None:
        """Return which properties of the filter no visible item has."""
        if query.filter is None:
            return None
        known = (await self._catalogue.queryables(None, visibility))["properties"]
        unknown = sorted(properties_of(query.filter) - known.keys())
        return f"No item that you may see has the property {', '.join(unknown)}." if unknown else None


def _no_answer(problem: str, *, filter_problem: str | None = None) -> Answer:
    return Answer(
        headline="No answer",
        items=[],
        footprints="",
        more=None,
        body=None,
        problem=problem,
        filter_problem=filter_problem,
    )


def _explain(error: TwinlakeError) -> str:
    return f"{error.message} {error.remedy or ''}".strip()


def write_example(queryables: JsonObject) -> str | None:
    """Return a CQL2 text that the lower half of a property's range fulfils, or else one that names a value."""
    schemas = queryables.get("properties", {})
    for name, schema in schemas.items():
        low, high = schema.get("minimum"), schema.get("maximum")
        if isinstance(low, int | float) and isinstance(high, int | float) and low < high:
            middle = f"{(low + high) / 2:g}"
            return f"{_write_name(name)} <= {middle if low <= float(middle) < high else low}"
    for name, schema in schemas.items():
        if (values := schema.get("enum")) and isinstance(values[-1], str):
            return f"{_write_name(name)} = '{values[-1].replace(chr(39), chr(39) * 2)}'"
    return None


def _write_name(name: str) -> str:
    """Write a property's name as CQL2 text has it (OGC 21-065r2, annex B: ``propertyName``)."""
    return name if _PLAIN_NAME.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def _read_body(asked: Asked, collections: Sequence[str]) -> JsonObject:
    try:
        return asked.search_body(collections)
    except ValueError:
        raise InvalidInputError("The area must be four numbers: west,south,east,north in degrees.") from None
