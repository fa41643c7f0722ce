"""What a user wants to have, turned into files: items from ids, URLs and searches; assets from items."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import httpx2
import typer

from twinlake.cli.client import SiteClient
from twinlake.cli.downloading import Description, Downloader, Outcome
from twinlake.cli.naming import inside, safe_name
from twinlake.cli.searching import ItemSearch
from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError
from twinlake.standards.datalake import single_assets

_SHA256_MULTIHASH = "1220"
"""Prefix of ``file:checksum`` (STAC file extension): SHA-256, 32 bytes."""


class OriginAwareWeb:
    """Sends the token to its site only: an item's assets may lie anywhere."""

    def __init__(self, site: SiteClient, anonymous: SiteClient) -> None:
        self._site = site
        self._anonymous = anonymous

    def stream(self, method: str, url: str, **request: Any) -> AbstractContextManager[httpx2.Response]:
        """Send a request; raises as `SiteClient.stream`."""
        client = self._site if origin_of(url) == origin_of(self._site.url) else self._anonymous
        return client.stream(method, url, **request)


def origin_of(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port of a URL."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Assets of one item, or one file, in one folder."""

    urls: dict[str, str]
    """By asset key."""
    checksums: dict[str, str] = field(default_factory=dict)
    """SHA-256 in hex by asset key, where the item says it."""
    folder: Path
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What became of one file."""

    label: str
    asset: str
    url: str
    outcome: Outcome | Literal["failed"]
    path: str | None = None
    size_bytes: int = 0
    sha256: str | None = None
    verified: bool = False
    error: str | None = None
    remedy: str | None = None


def find_wanted(
    site: SiteClient, target: str | None, search: ItemSearch, assets: list[str] | None, folder: Path
) -> Iterator[Wanted]:
    """Yield what *target* (a URL, ``collection/item`` or ``collection/item/asset``) or else *search* names.

    Raises
    ------
    typer.BadParameter
        The target is of none of these forms, or both or neither of the two were given.
    SiteRefusedError, SiteUnreachableError
        The site does not know it, or does not answer.
    """
    if (target is None) == search.options.is_empty():
        raise typer.BadParameter("Name what to get: a URL, COLLECTION/ITEM, or a search such as --collection ID.")
    if target is None:
        for found in search:
            yield from _from_item(found, assets, folder)
    elif target.startswith(("http://", "https://")):
        yield from _from_url(site, target, assets, folder)
    else:
        parts = target.split("/")
        if len(parts) not in {2, 3} or not all(parts):
            raise typer.BadParameter(f"{target!r} is neither a URL nor COLLECTION/ITEM nor COLLECTION/ITEM/ASSET.")
        collection, item = (quote(part, safe="") for part in parts[:2])
        document = site.json("GET", f"/stac/v2/collections/{collection}/items/{item}")
        yield from _from_item(document, parts[2:] or assets, folder)


def _from_url(site: SiteClient, url: str, assets: list[str] | None, folder: Path) -> Iterator[Wanted]:
    segments = urlsplit(url).path.split("/")
    if "collections" in segments and "items" in segments and origin_of(url) == origin_of(site.url):
        yield from _from_item(site.json("GET", url), assets, folder)
    else:
        yield Wanted(urls={"": url}, folder=folder, label=url)


def _from_item(item: JsonObject, assets: list[str] | None, folder: Path) -> Iterator[Wanted]:
    """Yield the fetchable assets of an item: those whose address is http(s), and of these the named ones."""
    found: JsonObject = item.get("assets") or {}
    label = f"{item.get('collection')}/{item.get('id')}"
    missing = [key for key in assets or () if key not in found]
    if missing:
        raise typer.BadParameter(f"{label} has no asset {missing[0]!r}; it has {', '.join(map(repr, found))}.")
    # The whole product would bring every file once more.
    urls = {key: asset["href"] for key, asset in found.items() if key in (assets or single_assets(item) or found)}
    urls = {key: url for key, url in urls.items() if url.startswith(("http://", "https://"))}
    checksums = {key: str(found[key].get("file:checksum", "")).lower() for key in urls}
    if urls:
        yield Wanted(
            urls=urls,
            checksums={
                key: text[4:] for key, text in checksums.items() if text.startswith(_SHA256_MULTIHASH) and len(text) == 68
            },
            folder=inside(folder, str(item.get("collection")), str(item.get("id"))),
            label=label,
        )


class Fetcher:
    """Fetches many items at a time; a file that fails never stops the rest."""

    def __init__(self, downloader: Downloader) -> None:
        self._downloader = downloader

    def fetch(self, wanted: Wanted, announce: Callable[[int], None]) -> list[FileReport]:
        """Fetch what is wanted of one item; *announce* is told of its bytes before the first of them comes."""
        described = {key: self._describe(wanted, key) for key in sorted(wanted.urls)}
        names = _name_files({key: each.name for key, each in described.items() if isinstance(each, Description)})
        announce(sum(each.size_bytes or 0 for each in described.values() if isinstance(each, Description)))
        return [self._fetch(wanted, key, each, names.get(key, "")) for key, each in described.items()]

    def _describe(self, wanted: Wanted, key: str) -> Description | TwinlakeError:
        try:
            return self._downloader.describe(wanted.urls[key])
        except TwinlakeError as error:
            return error

    def _fetch(self, wanted: Wanted, key: str, described: Description | TwinlakeError, name: str) -> FileReport:
        url = wanted.urls[key]
        try:
            if isinstance(described, TwinlakeError):
                raise described
            got = self._downloader.fetch(described, wanted.folder / name, sha256=wanted.checksums.get(key))
        except TwinlakeError as error:
            return FileReport(label=wanted.label, asset=key, url=url, outcome="failed", error=error.message, remedy=error.remedy)
        except OSError as error:
            return FileReport(label=wanted.label, asset=key, url=url, outcome="failed", error=f"{name}: {error.strerror}")
        return FileReport(
            label=wanted.label,
            asset=key,
            url=url,
            outcome=got.outcome,
            path=str(got.path),
            size_bytes=got.size_bytes,
            sha256=got.sha256,
            verified=got.is_verified,
        )


def _name_files(names: dict[str, str]) -> dict[str, str]:
    """Give every asset of an item a safe name of its own, the same whenever it is asked for."""
    safe = {key: safe_name(name) for key, name in names.items()}
    taken = [name.casefold() for name in safe.values()]
    return {key: name if taken.count(name.casefold()) == 1 else safe_name(f"{key}-{name}") for key, name in safe.items()}
