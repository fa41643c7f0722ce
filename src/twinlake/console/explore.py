"""The explore page: a form becomes a search, a search becomes rows, footprints and code."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

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
from twinlake.console.reading import read_collection, read_item, read_queryables
from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError, TwinlakeError
from twinlake.discovery.data.aggregation import AggregateRequest
from twinlake.discovery.data.collection_requests import CollectionRequest
from twinlake.discovery.data.reach import BACKENDS, Reach
from twinlake.discovery.data.requests import SearchRequest
from twinlake.discovery.data.service import DataDiscovery, Found
from twinlake.federation.search.models import Scope
from twinlake.holdings.catalogue.interfaces import ItemQuery
from twinlake.identity.principals import Caller
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
    sites: tuple[str, ...] = ()
    """Ids of the sites to ask; none is all."""
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
            sites=tuple(dict.fromkeys(one for one in form.getlist("sites") if one)),
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
        if self.sites:
            body[BACKENDS] = list(self.sites)
        return body

    def next_address(self, path: str, token: str) -> str:
        """Return the address of the next page."""
        pairs = [("q", self.q), ("start", self.start), ("end", self.end), ("bbox", self.bbox), ("filter", self.filter)]
        named = [(name, value) for name, value in pairs if value]
        named += [("collections", one) for one in self.collections] + [("sites", one) for one in self.sites]
        return f"{path}?{urlencode([*named, ('page', token)])}"


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
    missing: Mapping[str, str] = field(default_factory=dict)
    """Reasons by id of the sites that did not answer."""
    problem: str | None = None
    filter_problem: str | None = None
    """What is wrong with the filter, for its field."""


class Explorer:
    """Answers the explore page: from all sites, where there are others."""

    def __init__(self, *, discovery: DataDiscovery, addresses: Addresses) -> None:
        self._discovery = discovery
        self._addresses = addresses

    async def list_choices(self, caller: Caller) -> list[JsonObject]:
        """Return the collections that a form offers, by title."""
        found = await self._discovery.search_collections(caller, CollectionRequest())
        choices = [describe_collection(read_collection(body), self._addresses) for body in found.bodies]
        by_id: dict[str, JsonObject] = {}
        for one in choices:  # what stands there for several sites is one choice
            known = by_id.setdefault(one["id"], one | {"sites": []})
            known["sites"] = sorted({*known["sites"], *one["sites"]})
        return sorted(by_id.values(), key=lambda one: (natural_key(one["title"]), natural_key(one["id"])))

    async def find_example(self, caller: Caller) -> str | None:
        """Return a filter that finds some of what is visible, if anything has properties to filter by."""
        return write_example(await self._discovery.queryables(caller, None))

    async def answer(self, asked: Asked, choices: Sequence[JsonObject], caller: Caller) -> Answer:
        """Search as *asked*; what is wrong with the question is part of the answer."""
        try:
            return await self._search(asked, choices, caller)
        except InvalidFilterError as error:
            return _no_answer(_explain(error), filter_problem=_explain(error))
        except TwinlakeError as error:
            return _no_answer(_explain(error))

    async def _search(self, asked: Asked, choices: Sequence[JsonObject], caller: Caller) -> Answer:
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
        )
        reach = Reach(scope=Scope(backends=frozenset(asked.sites) or None))
        found = await self._discovery.search(caller, SearchRequest(query=query, token=asked.page or None, reach=reach))
        documents = sort_simultaneous(map(read_item, found.bodies))
        return Answer(
            headline=_write_headline(found if not asked.page else await self._count(query, caller, reach)),
            items=[describe_item(document, self._addresses) for document in documents],
            footprints=write_features(map(draw_footprint, documents)),
            more=asked.next_address(f"{self._addresses.root}/explore", found.token) if found.token else None,
            body=body,
            missing={} if found.completeness is None else found.completeness.missing,
            filter_problem=await self._explain_nothing(query, caller) if found.matched == 0 else None,
        )

    async def _count(self, query: ItemQuery, caller: Caller, reach: Reach) -> Found:
        """Return how much is found on all pages: only the first page of a search tells."""
        request = AggregateRequest(query=query, names=("total_count",), reach=reach)
        [total], completeness = await self._discovery.aggregate(caller, request)
        is_complete = completeness is None or not completeness.missing
        return Found(bodies=[], token=None, matched=total["value"] if is_complete else None, partial=total["value"])

    async def _explain_nothing(self, query: ItemQuery, caller: Caller) -> str | None:
        """Return which properties of the filter no visible item has."""
        if query.filter is None:
            return None
        known = read_queryables(await self._discovery.queryables(caller, None))
        unknown = sorted(properties_of(query.filter) - known.keys())
        return f"No item that you may see has the property {', '.join(unknown)}." if unknown else None


def _write_headline(found: Found) -> str:
    if found.matched is not None or found.partial is None:
        return "Nothing found" if found.matched == 0 else f"{write_count(found.matched, 'item')} found"
    if not found.partial:
        return "Nothing found at the sites that answered"
    return f"At least {write_count(found.partial, 'item')} found"


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
    schemas = read_queryables(queryables)
    for name, schema in schemas.items():
        low, high = schema.get("minimum"), schema.get("maximum")
        if isinstance(low, int | float) and isinstance(high, int | float) and low < high:
            middle = f"{(low + high) / 2:g}"
            return f"{_write_name(name)} <= {middle if low <= float(middle) < high else low}"
    for name, schema in schemas.items():
        if (values := schema["enum"]) and isinstance(values[-1], str):
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
