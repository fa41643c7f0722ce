"""From what a graph asks to load to pins: the site's catalogue is searched for the caller, and nothing is read of the files."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import unquote, urlsplit

import orjson

from twinlake.engines.objectstore import LinkedFileError, LinkedFiles
from twinlake.holdings.catalogue.errors import AssetNotFoundError, ItemNotFoundError
from twinlake.holdings.catalogue.errors import CollectionNotFoundError as UnknownCollectionError
from twinlake.holdings.catalogue.interfaces import Catalogue, ItemQuery, Linked, Managed, SortKey, Visibility
from twinlake.holdings.visibility import CollectionPolicy
from twinlake.identity.principals import Caller
from twinlake.processing.openeo.loading.pins import FilePins, PinnedFile, Pins
from twinlake.processing.openeo.loading.planning.extents import find_bbox, find_times, is_probably_in_degrees, write_extent
from twinlake.processing.openeo.loading.planning.items import Unloadable
from twinlake.processing.openeo.loading.planning.labels import NO_DATA, no_data
from twinlake.processing.openeo.loading.planning.plans import Plan, plan_cube
from twinlake.processing.openeo.loading.properties import write_values
from twinlake.processing.openeo.loading.requests import LoadRequest
from twinlake.processing.openeo.loading.resolving.elsewhere import Elsewhere
from twinlake.processing.openeo.loading.resolving.laying_out import look_at_link
from twinlake.processing.openeo.loading.resolving.urls import without_secrets
from twinlake.standards.openeo.errors import (
    AuthenticationRequiredError,
    CollectionNotFoundError,
    ProcessError,
    ProcessGraphComplexityError,
    ProcessParameterInvalidError,
)

_MAX_ITEMS = 10_000
_PAGE = 1000
_TOGETHER = 64
"""Assets that are asked for at once."""
_IN_TIME_ORDER = (SortKey("datetime"),)
_STAC = "/stac/v2"
_OPENEO = "/openeo/1.2"


@dataclass(frozen=True, slots=True)
class _Place:
    """A collection of this site, or one item of it."""

    collection: str
    item: str | None = None


def say_where(error: UnknownCollectionError, addresses: Sequence[str]) -> CollectionNotFoundError:
    """Return that a collection is not here, with the *addresses* at which other sites have it."""
    if not addresses:
        return CollectionNotFoundError(error.message, remedy=error.remedy)
    return CollectionNotFoundError(error.message, remedy=f"Another site has it: load_stac with {' or '.join(addresses)}.")


class Results(Protocol):
    """Cubes of this site's openEO API that are in no collection: results of jobs."""

    async def resolve(self, request: LoadRequest, path: str, caller: Caller) -> Pins | FilePins:
        """Return what *request* will read for *caller* of what is at *path* below the API's root, such as ``jobs/ID/results``.

        Raises
        ------
        NotFoundError
            It is none of theirs.
        """
        ...


class Resolver:
    """Resolves loads for callers: what they may discover is found, and what they may not read is refused.

    Parameters
    ----------
    public_url
        Of the site, without a slash at its end: addresses below it are its own.
    results
        Has what is at other addresses of the site's openEO API.
    elsewhere
        Has what is at other places.
    find_elsewhere
        Tells the addresses at which other sites have a collection.
    deadline_seconds
        Longest that one page of a search may take.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        collections: CollectionPolicy,
        links: LinkedFiles,
        public_url: str,
        results: Results | None = None,
        elsewhere: Elsewhere | None = None,
        find_elsewhere: Callable[[str], Sequence[str]] = lambda _: (),
        deadline_seconds: float = 30.0,
    ) -> None:
        self._catalogue = catalogue
        self._collections = collections
        self._links = links
        self._public_url = public_url
        self._results = results
        self._elsewhere = elsewhere
        self._find_elsewhere = find_elsewhere
        self._deadline_seconds = deadline_seconds

    async def resolve(self, request: LoadRequest, caller: Caller) -> Pins | FilePins:
        """Return what *request* will read for *caller*.

        Raises
        ------
        CollectionNotFoundError
            There is none, or *caller* may not know of it.
        SignInRequiredError, RefusedError
            *caller* may not read it.
        ProcessError
            ``NoDataAvailable``, ``TemporalExtentEmpty``; ``NotLoadable``: metadata do not say enough; ``UrlUnsupported``.
        AuthenticationRequiredError
            It is elsewhere, and nobody in particular asks.
        ProcessParameterInvalidError
            An argument is of a wrong kind, or there is no such band.
        ProcessGraphComplexityError
            It is too much.
        """
        place = self._locate(request)
        if place is None:
            if self._elsewhere is None:
                raise ProcessError("UrlUnsupported", f"{without_secrets(request.source)} is not at this site.")
            if caller.principal is None:
                raise AuthenticationRequiredError("Say who you are.")
            return await self._elsewhere.resolve(request, caller)
        if isinstance(place, str):
            if self._results is None:
                raise ProcessParameterInvalidError(f"{request.source[:200]!r} is the address of no collection and no item.")
            return await self._results.resolve(request, place, caller)
        await self._require_read(caller, place.collection)
        visibility = await self._collections.visibility_of(caller)
        try:
            stored = await self._catalogue.get_collection(place.collection, visibility)
            if place.item is not None:
                await self._catalogue.get_item(place.collection, place.item, visibility)
        except UnknownCollectionError as error:
            raise say_where(error, self._find_elsewhere(place.collection)) from error
        except ItemNotFoundError as error:
            raise no_data(f"at {request.source[:200]!r}") from error
        plan = await self._plan(request, place, stored.body, visibility)
        files = await self._look_up(place.collection, plan.assets, visibility)
        return plan.pin(files)

    async def require_readable(self, pins: Pins, caller: Caller) -> None:
        """See that *caller* may read, now, every collection that *pins* are of; raises as `resolve` does."""
        for collection in dict.fromkeys(each.collection for each in pins.files if each.collection):
            await self._require_read(caller, collection)

    async def require_listed(self, pins: Pins, caller: Caller) -> None:
        """See that every asset that *pins* are of is still there for *caller*, in whatever version.

        Raises
        ------
        ProcessError
            ``FileUnreadable``: one is gone.
        """
        visibility = await self._collections.visibility_of(caller)
        listed = [each for each in pins.files if each.collection]
        for first in range(0, len(listed), _TOGETHER):
            some = listed[first : first + _TOGETHER]
            try:
                await asyncio.gather(
                    *(self._catalogue.get_asset(each.collection, each.item, each.asset, visibility) for each in some)
                )
            except (UnknownCollectionError, ItemNotFoundError, AssetNotFoundError) as error:
                raise ProcessError("FileUnreadable", f"Something that was to be loaded is gone: {error.message}") from error

    async def _require_read(self, caller: Caller, collection: str) -> None:
        try:
            await self._collections.require(caller, "read", collection)
        except UnknownCollectionError as error:
            raise say_where(error, self._find_elsewhere(collection)) from error

    def _locate(self, request: LoadRequest) -> _Place | str | None:
        """Return what is loaded, or the path below the root of the openEO API at which else it is; None for other places."""
        if request.process == "load_collection":
            return _Place(request.source)
        url = urlsplit(request.source)
        root = next((each for each in (_STAC, _OPENEO) if request.source.startswith(f"{self._public_url}{each}/")), None)
        if root is None:
            return None
        path = url.path.removeprefix(urlsplit(self._public_url).path + root).strip("/")
        match [unquote(each) for each in path.split("/")]:
            case ["collections", collection] | ["collections", collection, "items"]:
                return _Place(collection)
            case ["collections", collection, "items", item]:
                return _Place(collection, item)
        if root == _OPENEO:
            return path
        raise ProcessParameterInvalidError(f"{request.source[:200]!r} is the address of no collection and no item.")

    async def _plan(self, request: LoadRequest, place: _Place, collection: bytes, visibility: Visibility) -> Plan:
        try:
            bodies = await self._search(request, place, visibility)
            # Thousands of documents are read, and pixels by the million counted.
            return await asyncio.to_thread(plan_cube, request, bodies, collection)
        except ProcessError as error:
            if error.reason == NO_DATA and place.item is None:
                error.remedy = error.remedy or write_extent(orjson.loads(collection))
                if is_probably_in_degrees(request.box):
                    error.remedy += " The box looks like degrees: leave out its 'crs', or give it 4326."
            raise

    async def _search(self, request: LoadRequest, place: _Place, visibility: Visibility) -> list[bytes]:
        start, end = find_times(request.temporal_extent)
        query = ItemQuery(
            collections=(place.collection,),
            ids=None if place.item is None else (place.item,),
            bbox=find_bbox(request),
            start=start,
            end=end,
            filter=request.filter,
            sortby=_IN_TIME_ORDER,
            limit=_PAGE,
            count=False,
        )
        bodies: list[bytes] = []
        while True:
            page = await self._catalogue.search(query, visibility, deadline_seconds=self._deadline_seconds)
            bodies.extend(page.bodies)
            if len(bodies) > _MAX_ITEMS:
                raise ProcessGraphComplexityError(
                    f"More than {_MAX_ITEMS} items of collection {place.collection!r} are asked for.",
                    remedy="Give a smaller extent in time or space.",
                )
            if page.after is None:
                break
            query = replace(query, after=page.after)
        if not bodies:
            error = no_data("for the extents and filters")
            if request.filter is not None:
                unfiltered = replace(query, filter=None, after=None)
                page = await self._catalogue.search(unfiltered, visibility, deadline_seconds=self._deadline_seconds)
                error.remedy = write_values(request.filter, [orjson.loads(each)["properties"] for each in page.bodies])
            raise error
        return bodies

    async def _look_up(
        self, collection: str, assets: Sequence[tuple[str, str]], visibility: Visibility
    ) -> dict[tuple[str, str], PinnedFile]:
        found: dict[tuple[str, str], PinnedFile] = {}
        for first in range(0, len(assets), _TOGETHER):
            some = assets[first : first + _TOGETHER]
            files = await asyncio.gather(*(self._look_up_one(collection, item, key, visibility) for item, key in some))
            found.update(zip(some, files, strict=True))
        return found

    async def _look_up_one(self, collection: str, item: str, key: str, visibility: Visibility) -> PinnedFile:
        asset = await self._catalogue.get_asset(collection, item, key, visibility)
        match asset.holding:
            case Managed(sha256=sha256, size_bytes=size_bytes):
                return PinnedFile(
                    collection=collection, item=item, asset=key, size_bytes=size_bytes, sha256=sha256, filename=asset.filename
                )
            case Linked(path=path, sha256=sha256, modified_ns=hashed_at):
                try:
                    size_bytes, modified_ns = await asyncio.to_thread(look_at_link, self._links, path)
                except LinkedFileError as error:
                    raise Unloadable(f"The file of asset {key!r} of item {item!r} cannot be read: {error.message}") from error
                return PinnedFile(
                    collection=collection,
                    item=item,
                    asset=key,
                    size_bytes=size_bytes,
                    sha256=sha256 if hashed_at == modified_ns else None,
                    modified_ns=modified_ns,
                    filename=asset.filename,
                )
        raise Unloadable(f"The bytes of asset {key!r} of item {item!r} are not at this site, only the address of them.")
