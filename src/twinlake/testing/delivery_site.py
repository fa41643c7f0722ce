"""A site that finds and delivers: the STAC API and the data routes over a local object store, really served."""

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from starlette.routing import BaseRoute

from twinlake.access.delivery import Delivery, DirectSender, NginxSender, PresignedSender, Sender, SignedSender, routes
from twinlake.core.clock import Clock, SystemClock
from twinlake.core.documents import JsonObject
from twinlake.engines.objectstore import LinkedFiles, LocalObjectStore, ObjectStore
from twinlake.engines.web.observer import RequestListener
from twinlake.engines.web.signed_urls import UrlSigner
from twinlake.holdings.catalogue.interfaces import Holding, ItemDraft, Linked, Managed
from twinlake.holdings.catalogue.store import SqlCatalogue
from twinlake.holdings.visibility import CollectionPolicy
from twinlake.testing.stac_site import StacSite, running_stac_site

SITE_ID = "test"
LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class DeliverySite:
    """A running site with what it delivers from."""

    stac: StacSite
    objects: ObjectStore

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
    objects: ObjectStore | None = None,
    link_roots: Sequence[Path] = (),
    clock: Clock | None = None,
    public_url: str | None = None,
    on_finished: RequestListener | None = None,
) -> Generator[DeliverySite]:
    """Serve a new site whose database and objects are in *directory*.

    Parameters
    ----------
    mode
        As the setting ``delivery.mode``.
    clock
        Of the signed URLs.
    public_url
        Where signed URLs point; by default to the site itself.
    """
    store = objects or LocalObjectStore(directory / "objects")
    links = LinkedFiles(link_roots)
    signer = UrlSigner(key=b"k" * 32, clock=clock or SystemClock())
    direct = DirectSender(objects=store, links=links)
    make_sender: dict[str, Callable[[str], Sender]] = {
        "direct": lambda _: direct,
        "signed": lambda url: SignedSender(direct=direct, signer=signer, public_url=url, lifetime=LIFETIME),
        "nginx": lambda _: NginxSender(direct=direct, links=links),
        "presigned": lambda _: PresignedSender(direct=direct, objects=store, lifetime=LIFETIME),
    }

    def more_routes(catalogue: SqlCatalogue, collections: CollectionPolicy, own_url: str) -> Sequence[BaseRoute]:
        delivery = Delivery(backend=SITE_ID, catalogue=catalogue, collections=collections)
        return routes(delivery=delivery, sender=make_sender[mode](public_url or own_url), direct=direct, signer=signer)

    listener: dict[str, RequestListener] = {} if on_finished is None else {"on_finished": on_finished}
    with running_stac_site(directory, more_routes=more_routes, **listener) as stac:  # type: ignore[arg-type]  # only the listener
        yield DeliverySite(stac, store)


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
