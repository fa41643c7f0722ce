"""One item, one asset, read by name."""

import re
from typing import NamedTuple

import orjson

from twinlake.engines.database import Connection
from twinlake.holdings.catalogue.bodies import Publisher
from twinlake.holdings.catalogue.documents import has_made_download
from twinlake.holdings.catalogue.errors import AssetNotFoundError, CollectionNotFoundError, ItemNotFoundError
from twinlake.holdings.catalogue.interfaces import Bundle, Holding, Linked, Managed, StoredAsset, StoredItem, Visibility
from twinlake.holdings.catalogue.keeping import VERSIONS
from twinlake.holdings.catalogue.preparing import Held, filename_of
from twinlake.holdings.catalogue.scope import CollectionSet, Scope
from twinlake.standards.datalake import DOWNLOAD

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CURRENT = """
select v.starts, v.sha256, v.etag, v.body from item i join item_version v on v.vid = i.vid
where i.id = ? and i.collection = ?
"""
_VERSION = f"select starts, sha256, etag, body from item_version where sha256 = :sha256 and vid in ({VERSIONS})"
_HELD = """
select i.starts, a.kind, a.sha256, a.size_bytes, a.path, a.modified_ns, a.media_type, a.filename
from item i left join item_asset a on a.vid = i.vid and a.key = ? where i.id = ? and i.collection = ?
"""
"""What is held of one asset: all that delivery needs, so that the body of the item is not read."""


class _Version(NamedTuple):
    starts: int
    sha256: bytes
    etag: bytes
    body: bytes


def require_visible(tx: Connection, collection: str, visibility: Visibility, collections: CollectionSet) -> Scope:
    """Return the scope of one collection.

    Raises
    ------
    CollectionNotFoundError
        It is not there, or not for this caller.
    """
    scope = collections.scope(tx, visibility, (collection,))
    if not scope.collections:
        raise CollectionNotFoundError(collection)
    return scope


class ItemReader:
    """Reads items and assets for callers; its functions run inside a transaction."""

    def __init__(self, *, collections: CollectionSet, publisher: Publisher, site_id: str) -> None:
        self._collections = collections
        self._publisher = publisher
        self._data_prefix = publisher.data_prefix(site_id)

    def read_item(
        self, tx: Connection, collection: str, item: str, visibility: Visibility, version: str | None = None
    ) -> StoredItem:
        """Return the current version of an item, or the one that *version* names.

        Raises
        ------
        CollectionNotFoundError, ItemNotFoundError
        """
        row = self._read(tx, collection, item, visibility, version)
        return StoredItem(body=self._publisher.publish(row.body), etag=self._publisher.etag(row.etag), version=row.sha256.hex())

    def read_asset(self, tx: Connection, collection: str, item: str, asset: str, visibility: Visibility) -> StoredAsset:
        """Return what delivery needs to know of one asset of the current version.

        The whole product is the asset that it consists of, or a `Bundle`.

        Raises
        ------
        CollectionNotFoundError, ItemNotFoundError, AssetNotFoundError
        """
        scope = require_visible(tx, collection, visibility, self._collections)
        row = tx.execute(_HELD, (asset, item, collection)).fetchone()
        if row is None or row[0] > scope.horizons.get(collection, row[0]):
            raise ItemNotFoundError(collection, item, None)
        _, kind, sha256, size_bytes, path, modified_ns, media_type, filename = row
        if kind is None:
            return self._read_asset_not_held(tx, collection, item, asset, visibility)
        return StoredAsset(
            collection=collection,
            item=item,
            key=asset,
            holding=_holding(kind, sha256, size_bytes, path, modified_ns),
            href=None,
            media_type=media_type,
            filename=filename,
        )

    def _read_asset_not_held(self, tx: Connection, collection: str, item: str, asset: str, visibility: Visibility) -> StoredAsset:
        row = self._read(tx, collection, item, visibility, None)
        document = orjson.loads(self._publisher.publish(row.body))
        assets = document["assets"]
        if asset not in assets:
            raise AssetNotFoundError(collection, item, asset)
        if asset == DOWNLOAD and has_made_download(document, self._data_prefix):
            parts = sorted(read_held(tx, collection, item)) or [key for key in assets if key != DOWNLOAD]
            found = tuple(self.read_asset(tx, collection, item, part, visibility) for part in parts)
            return found[0] if len(found) == 1 else _bundle(found)
        return StoredAsset(
            collection=collection,
            item=item,
            key=asset,
            holding=None,
            href=assets[asset]["href"],
            media_type=assets[asset].get("type"),
            filename=filename_of(assets[asset]["href"]) or asset,
        )

    def _read(self, tx: Connection, collection: str, item: str, visibility: Visibility, version: str | None) -> _Version:
        scope = require_visible(tx, collection, visibility, self._collections)
        if version is None:
            row = tx.execute(_CURRENT, (item, collection)).fetchone()
        elif _SHA256.fullmatch(version):
            row = tx.execute(_VERSION, {"item": item, "collection": collection, "sha256": bytes.fromhex(version)}).fetchone()
        else:
            row = None
        found = None if row is None else _Version(*row)
        if found is None or found.starts > scope.horizons.get(collection, found.starts):
            raise ItemNotFoundError(collection, item, version)
        return found


def _bundle(assets: tuple[StoredAsset, ...]) -> StoredAsset:
    collection, item = assets[0].collection, assets[0].item
    return StoredAsset(
        collection=collection,
        item=item,
        key=DOWNLOAD,
        holding=Bundle(assets),
        href=None,
        media_type="application/zip",
        # Clients take what follows the first dot for the kind of the file.
        filename=f"{item.replace('.', '_')}.zip",
    )


def _holding(kind: str, sha256: bytes | None, size_bytes: int, path: str, modified_ns: int | None) -> Holding:
    if kind == "managed" and sha256 is not None:
        return Managed(sha256=sha256.hex(), size_bytes=size_bytes)
    return Linked(path=path, size_bytes=size_bytes, sha256=None if sha256 is None else sha256.hex(), modified_ns=modified_ns)


def read_holdings(tx: Connection, vid: int) -> dict[str, Holding]:
    """Return what is held of a version, by asset key."""
    rows = tx.execute("select key, kind, sha256, size_bytes, path, modified_ns from item_asset where vid = ?", (vid,)).fetchall()
    return {key: _holding(*held) for key, *held in rows}


def read_held(tx: Connection, collection: str, item: str) -> dict[str, Held]:
    """Return what is held of the current version of an item, by asset key."""
    rows = tx.execute(
        "select a.key, a.filename, a.kind, a.sha256, a.size_bytes, a.path, a.modified_ns "
        "from item i join item_asset a on a.vid = i.vid where i.id = ? and i.collection = ?",
        (item, collection),
    ).fetchall()
    return {key: (_holding(*held), filename) for key, filename, *held in rows}
