"""STAC at other places as what a graph loads: got as `urls` gets it, at sites of the federation by the right of who asks.

A collection of an API is searched, one that lies in files is followed to its items; one of neither is taken for results of a job,
of which the assets are its own. Zarr stores are those of Twinlake, whose metadata stand in one document.
"""

import asyncio
import itertools
import math
import re
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

import orjson

from twinlake.core.clock import from_microseconds, to_text
from twinlake.core.documents import JsonObject
from twinlake.core.nesting import is_nested_deeper
from twinlake.identity.principals import Caller
from twinlake.processing.openeo.loading.pins import ZARR, FilePins, KeptFile, PinnedFile, Pins
from twinlake.processing.openeo.loading.planning.extents import find_bbox, find_times
from twinlake.processing.openeo.loading.planning.items import Unloadable, read_time
from twinlake.processing.openeo.loading.planning.labels import no_data
from twinlake.processing.openeo.loading.planning.plans import plan_cube
from twinlake.processing.openeo.loading.planning.stac_files import FoundAsset, choose_assets, pin_assets
from twinlake.processing.openeo.loading.requests import LoadRequest
from twinlake.processing.openeo.loading.resolving.item_filter import filter_items
from twinlake.processing.openeo.loading.resolving.urls import NothingThereError, UrlLoader, without_secrets
from twinlake.standards.openeo.errors import OpenEoError, ProcessGraphComplexityError

_MOST_ITEMS = 1000
_MOST_FILES = 2000
_MOST_BYTES = 4 << 30
_DOCUMENT_BYTES = 16 << 20
_DEPTH = 100
_PAGE = 100
_TOGETHER = 2
"""Files that are got at once: each is in memory meanwhile."""
_T = TypeVar("_T")
_ARRAY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Found:
    collection: JsonObject
    items: list[JsonObject]
    """Their assets have whole addresses."""
    assets: list[FoundAsset]
    """Of the collection itself, without files."""


class Elsewhere:
    """Resolves loads of STAC by its address."""

    def __init__(self, urls: UrlLoader) -> None:
        self._urls = urls

    async def resolve(self, request: LoadRequest, caller: Caller) -> Pins | FilePins:
        """Return what *request* will read for *caller*, by the hashes of what was got.

        Raises
        ------
        ProcessError
            ``UrlUnsupported``: an address is not let pass, or nothing came from there; ``NotLoadable``: it is no STAC, or does
            not say enough; ``NoDataAvailable``; ``PropertiesUnsupported``: there are results of a job, and no items.
        InvalidFilterError
            A property has not the type that a condition takes it for.
        ProcessGraphComplexityError
            It is too much to be got while somebody waits.
        OpenEoError
            As `plan_cube` raises it.
        """
        with _told(request.source):
            getting = _Getting(self._urls, caller)
            found = await _find(request, getting)
            if not found.items:
                return await self._pin_assets(request, found.assets, getting)
            items = found.items
            if request.filter is not None:
                items = await asyncio.to_thread(filter_items, items, request.filter)
            bodies = [orjson.dumps(each) for each in items]
            plan = await asyncio.to_thread(plan_cube, request, bodies, orjson.dumps(found.collection))
            hrefs = {(item["id"], key): asset["href"] for item in items for key, asset in item["assets"].items()}
            got = await getting.get_all([hrefs[each] for each in plan.assets])
            files = {
                (item, key): PinnedFile(collection="", item=item, asset=key, size_bytes=file.size_bytes, sha256=file.sha256)
                for (item, key), file in zip(plan.assets, got, strict=True)
            }
            return plan.pin(files)

    async def _pin_assets(self, request: LoadRequest, assets: Sequence[FoundAsset], getting: "_Getting") -> Pins | FilePins:
        format_, chosen = choose_assets(request, assets)
        found = []
        for each in chosen:
            href = each.document["href"]
            files = await getting.get_store(href) if format_ == ZARR else {"": (await getting.get_all([href]))[0]}
            found.append(replace(each, files=files))
        return await asyncio.to_thread(pin_assets, request, format_, found)


class _Getting:
    """Gets files for one load, within its limits."""

    def __init__(self, urls: UrlLoader, caller: Caller) -> None:
        self._urls = urls
        self._caller = caller
        self._turn = asyncio.Semaphore(_TOGETHER)
        self._known: dict[str, KeptFile] = {}
        self._count = self._bytes = 0

    async def read(self, url: str) -> JsonObject:
        """Return a document."""
        body = await self._urls.read(url, self._caller, most_bytes=_DOCUMENT_BYTES)
        if is_nested_deeper(body, _DEPTH):
            raise Unloadable(f"What is at {without_secrets(url)} is nested too deeply.")
        document = orjson.loads(body)
        if not isinstance(document, dict):
            raise Unloadable(f"What is at {without_secrets(url)} is no object of JSON.")
        return document

    async def get_all(self, hrefs: Sequence[str]) -> list[KeptFile]:
        """Return the files at *hrefs*."""
        self._reserve(len(set(hrefs)))
        return await _all_or_none(map(self._get, hrefs))

    async def get_store(self, href: str) -> Mapping[str, KeptFile]:
        """Return the files of a Zarr store by their paths; chunks that are not there have nothing but what fills them."""
        root = await self.read(_below(href, "zarr.json"))
        arrays = root["consolidated_metadata"]["metadata"]
        paths = ["zarr.json", *(path for name, each in arrays.items() for path in _list_paths(name, each))]
        self._reserve(len(paths))
        found = await _all_or_none(self._get_if_there(_below(href, path)) for path in paths)
        return {path: file for path, file in zip(paths, found, strict=True) if file is not None}

    async def _get_if_there(self, href: str) -> KeptFile | None:
        try:
            return await self._get(href)
        except NothingThereError:
            return None

    async def _get(self, href: str) -> KeptFile:
        async with self._turn:
            if href not in self._known:
                if self._bytes > _MOST_BYTES:
                    raise _too_much(f"more than {_MOST_BYTES >> 30} GiB")
                stored = await self._urls.fetch(href, self._caller)
                self._bytes += stored.size_bytes
                self._known[href] = KeptFile(name=without_secrets(href), sha256=stored.sha256, size_bytes=stored.size_bytes)
            return self._known[href]

    def _reserve(self, count: int) -> None:
        self._count += count
        if self._count > _MOST_FILES:
            raise _too_much(f"{self._count} files")


async def _find(request: LoadRequest, getting: _Getting) -> _Found:
    document = await getting.read(request.source)
    match document.get("type"):
        case "Feature":
            return _found({}, [_read_item(document, request.source)])
        case "FeatureCollection":
            return _found({}, [_read_item(each, request.source) for each in document["features"]])
        case "Collection":
            items = [each async for each in _list_items(document, request, getting)]
            return _found(document, items) if items else _Found(document, [], _own_assets(document, request.source))
    raise Unloadable(f"What is at {without_secrets(request.source)} is no item and no collection of STAC.")


async def _list_items(collection: JsonObject, request: LoadRequest, getting: _Getting) -> AsyncIterator[JsonObject]:
    search = _links(collection, "items", request.source)
    if not search:
        links = _links(collection, "item", request.source)
        if len(links) > _MOST_ITEMS:
            raise _too_much(f"{len(links)} items")
        for each in links:
            yield _read_item(await getting.read(each), each)
        return
    url: str | None = _with_extents(search[0], request)
    count = 0
    while url is not None:
        page = await getting.read(url)
        for each in page["features"]:
            yield _read_item(each, url)
        count += max(len(page["features"]), 1)
        if count > _MOST_ITEMS:
            raise _too_much(f"more than {_MOST_ITEMS} items")
        url = next(iter(_links(page, "next", url)), None)


async def _all_or_none(work: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Return all results; where one fails nothing goes on."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


def _found(collection: JsonObject, items: list[JsonObject]) -> _Found:
    if not items:
        raise no_data("for the extents")
    return _Found(collection, sorted(items, key=lambda each: (read_time(each).start, each["id"])), [])


def _read_item(item: Any, url: str) -> JsonObject:
    """Return an item whose assets have whole addresses."""
    if not isinstance(item["id"], str) or not isinstance(item["properties"], dict):
        raise Unloadable(f"{without_secrets(url)} has an item that is none.")
    return {**item, "assets": _read_assets(item, url)}


def _read_assets(document: JsonObject, url: str) -> dict[str, JsonObject]:
    return {key: {**each, "href": urljoin(url, each["href"])} for key, each in document["assets"].items()}


def _own_assets(collection: JsonObject, url: str) -> list[FoundAsset]:
    if not collection.get("assets"):
        raise no_data(f"at {without_secrets(url)}")
    return [
        FoundAsset(name=key, document=each, interval=_read_interval(each), files={})
        for key, each in _read_assets(collection, url).items()
    ]


def _read_interval(asset: JsonObject) -> tuple[str, str] | None:
    first, last = asset.get("start_datetime"), asset.get("end_datetime")
    if isinstance(first, str) and isinstance(last, str):
        return first, last
    instant = asset.get("datetime")
    return (instant, instant) if isinstance(instant, str) else None


def _links(document: JsonObject, rel: str, url: str) -> list[str]:
    return [urljoin(url, each["href"]) for each in document.get("links", ()) if each.get("rel") == rel]


def _with_extents(url: str, request: LoadRequest) -> str:
    """Return the address of a search of items, which may find more than is asked for."""
    query = {"limit": str(_PAGE)}
    box = find_bbox(request)
    if box is not None:
        query["bbox"] = ",".join(map(repr, box))
    start, end = find_times(request.temporal_extent)
    if start is not None or end is not None:
        query["datetime"] = "/".join(".." if each is None else to_text(from_microseconds(each)) for each in (start, end))
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(query)}"


def _below(href: str, path: str) -> str:
    """Return the address of what is in a folder."""
    parts = urlsplit(href)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{path}"))


def _list_paths(name: str, array: JsonObject) -> Iterator[str]:
    """Yield the paths of the metadata of an array, and of its chunks.

    Source: Zarr v3, sections "Regular grids" and "Chunk key encoding"
    """
    if not _ARRAY.fullmatch(name) or array["node_type"] != "array":
        raise Unloadable(f"The Zarr store has something that is no array: {name[:80]!r}.")
    grid, keys = array["chunk_grid"], array["chunk_key_encoding"]
    if grid["name"] != "regular" or keys["name"] != "default" or keys.get("configuration", {}).get("separator", "/") != "/":
        raise Unloadable(f"The chunks of {name!r} in the Zarr store are called otherwise than Twinlake does.")
    counts = [
        -(-int(length) // int(chunk)) for length, chunk in zip(array["shape"], grid["configuration"]["chunk_shape"], strict=True)
    ]
    if math.prod(counts) > _MOST_FILES:
        raise _too_much(f"{math.prod(counts)} files")
    yield f"{name}/zarr.json"
    for place in itertools.product(*map(range, counts)):
        yield "/".join([name, "c", *map(str, place)])


def _too_much(what: str) -> ProcessGraphComplexityError:
    return ProcessGraphComplexityError(f"What is to be loaded from elsewhere has {what}.", remedy="Give smaller extents.")


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Tell of documents that are not what they should be."""
    try:
        yield
    except OpenEoError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise Unloadable(f"What is at {without_secrets(url)} is no STAC that is understood: {str(error)[:200]}.") from error
