"""The explore page: a form becomes a search, a search becomes rows, footprints and code."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import orjson
from starlette.datastructures import QueryParams

from twinlake.console.describe import Paths, describe_collection, describe_item, footprint, write_count
from twinlake.console.holdings import write_features
from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.core.paging import TokenSeal
from twinlake.holdings.catalogue.interfaces import Catalogue, ItemPage, ItemQuery, Visibility
from twinlake.standards.stac import parse_bbox, parse_datetime_query

_PAGE = 20
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The form as it was sent."""

    q: str
    collections: tuple[str, ...]
    start: str
    end: str
    bbox: str
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
        return body

    def next_address(self, path: str, token: str) -> str:
        """Return the address of the next page."""
        pairs = [("q", self.q), ("start", self.start), ("end", self.end), ("bbox", self.bbox)]
        named = [(name, value) for name, value in pairs if value]
        return f"{path}?{urlencode([*named, *(('collections', one) for one in self.collections), ('page', token)])}"


def _bound(day: str, time: str) -> str:
    if not day:
        return ".."
    return day + time if _DAY.fullmatch(day) else day


class Explorer:
    """Answers the explore page."""

    def __init__(self, *, catalogue: Catalogue, seal: TokenSeal, deadline_seconds: float) -> None:
        self._catalogue = catalogue
        self._seal = seal
        self._deadline_seconds = deadline_seconds

    async def list_choices(self, visibility: Visibility, paths: Paths) -> list[JsonObject]:
        """Return the collections that a form offers."""
        stored = await self._catalogue.list_collections(visibility)
        choices = [describe_collection(orjson.loads(one.body), None, paths) for one in stored]
        return sorted(choices, key=lambda one: one["title"].casefold())

    async def answer(
        self, asked: Asked, choices: Sequence[JsonObject], visibility: Visibility, paths: Paths, binding: bytes
    ) -> tuple[JsonObject, JsonObject]:
        """Search as *asked*; return what the page shows and the same question as a STAC search body.

        Raises
        ------
        InvalidInputError
            A date, the area or the page cannot be read.
        """
        collections = asked.collections
        if asked.q:
            words = asked.q.casefold().split()
            hits = {one["id"] for one in choices if _has_words(one, words)}
            collections = tuple(one for one in (asked.collections or tuple(sorted(hits))) if one in hits)
        body = _read_body(asked, collections)
        if asked.q and not collections:
            return _to_answer(ItemPage(bodies=[], after=None, matched=0), None, paths), body
        start, end = parse_datetime_query(body["datetime"]) if "datetime" in body else (None, None)
        query = ItemQuery(
            collections=collections or None,
            bbox=parse_bbox(body["bbox"]) if "bbox" in body else None,
            start=start,
            end=end,
            limit=_PAGE,
            after=tuple(orjson.loads(self._seal.open(asked.page, binding))) if asked.page else None,
        )
        page = await self._catalogue.search(query, visibility, deadline_seconds=self._deadline_seconds)
        token = self._seal.seal(orjson.dumps(page.after), binding) if page.after else ""
        more = asked.next_address(f"{paths.root}/explore", token) if token else None
        return _to_answer(page, more, paths), body


def _read_body(asked: Asked, collections: Sequence[str]) -> JsonObject:
    try:
        return asked.search_body(collections)
    except ValueError:
        raise InvalidInputError("The area must be four numbers: west,south,east,north in degrees.") from None


def _has_words(collection: JsonObject, words: Sequence[str]) -> bool:
    text = f"{collection['id']} {collection['title']} {collection['description']}".casefold()
    return all(word in text for word in words)


def _to_answer(page: ItemPage, more: str | None, paths: Paths) -> JsonObject:
    documents = [orjson.loads(body) for body in page.bodies]
    features = [footprint(document) for document in documents if document["geometry"]]
    return {
        "headline": f"{write_count(page.matched, 'item')} found",
        "items": [describe_item(document, paths) for document in documents],
        "footprints": write_features(features),
        "more": more,
    }
