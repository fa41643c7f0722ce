"""A site that finds and delivers, with small collections and items to put into it."""

import hashlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from twinlake.core.clock import Clock
from twinlake.core.documents import JsonObject
from twinlake.engines.objectstore import ObjectStore
from twinlake.holdings.catalogue.interfaces import Holding, ItemDraft, Linked, Managed
from twinlake.testing.stac_site import StacSite, running_stac_site

LIFETIME = timedelta(minutes=5)
"""Of a signed URL, by default."""


@dataclass(frozen=True, slots=True)
class DeliverySite:
    """A running site with what it delivers from."""

    stac: StacSite

    @property
    def objects(self) -> ObjectStore:
        """Where managed bytes are; its coroutines go through ``stac.run``."""
        return self.stac.services.objects

    @property
    def public_url(self) -> str:
        """The address, without a slash at its end."""
        return self.stac.public_url

    def put_item(self, item: str, assets: Mapping[str, tuple[str, str | None, bytes | Path | str]], *, collection: str) -> None:
        """Put an item of an existing collection.

        Parameters
        ----------
        assets
            By key: file name, media type, and the bytes to manage, the path to link, or the URL to leave remote.
        """
        holdings: dict[str, Holding] = {}
        described: JsonObject = {}
        for key, (filename, media_type, source) in assets.items():
            described[key] = {"href": f"./{filename}"} | ({"type": media_type} if media_type else {})
            if isinstance(source, bytes):
                stored = self.stac.run(self.objects.put_bytes(source))
                holdings[key] = Managed(stored.sha256, stored.size_bytes)
            elif isinstance(source, Path):
                status, sha256 = source.stat(), hashlib.sha256(source.read_bytes()).hexdigest()
                holdings[key] = Linked(str(source), status.st_size, sha256, status.st_mtime_ns)
            else:
                described[key]["href"] = source
        document = new_item(item, collection, described)
        self.stac.run(self.stac.catalogue.put_items([ItemDraft(document=document, holdings=holdings)]))


@contextmanager
def running_delivery_site(
    directory: Path,
    *,
    mode: str = "direct",
    objects: Mapping[str, object] | None = None,
    link_roots: Sequence[Path] = (),
    clock: Clock | None = None,
) -> Generator[DeliverySite]:
    """Serve a new site in a folder of *directory*.

    Parameters
    ----------
    mode
        As the setting ``delivery.mode``.
    objects
        As the section ``objects``; a local folder by default.
    """
    settings: dict[str, Mapping[str, object]] = {"delivery": {"mode": mode}, "ingest": {"link_roots": link_roots}}
    if objects is not None:
        settings["objects"] = objects
    with running_stac_site(directory, settings=settings, clock=clock) as stac:
        yield DeliverySite(stac)


def new_collection(collection: str) -> JsonObject:
    """Make a small collection."""
    return {
        "type": "Collection",
        "stac_version": "1.1.0",
        "id": collection,
        "description": "For tests.",
        "license": "CC0-1.0",
        "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [["2020-01-01T00:00:00Z", None]]}},
        "links": [],
    }


def new_item(item: str, collection: str, assets: JsonObject) -> JsonObject:
    """Make a small item, a point in Bonn on the first day of 2024."""
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": item,
        "collection": collection,
        "geometry": {"type": "Point", "coordinates": [7.1, 50.7]},
        "bbox": [7.1, 50.7, 7.1, 50.7],
        "properties": {"datetime": "2024-01-01T00:00:00Z"},
        "links": [],
        "assets": assets,
    }
