"""What the catalogue refuses, and what it cannot find."""

from twinlake.core.errors import ConflictError, InvalidInputError, NotFoundError, PreconditionFailedError


class CollectionNotFoundError(NotFoundError):
    """No collection has this id, or the caller may not see it."""

    code = "collection-not-found"

    def __init__(self, collection: str) -> None:
        super().__init__(f"No collection {collection!r} at this site.", remedy="List the collections of this site.")
        self.collection = collection


class ItemNotFoundError(NotFoundError):
    """The collection has no item (or no version) of this name, or the caller may not see it."""

    code = "item-not-found"

    def __init__(self, collection: str, item: str, version: str | None = None) -> None:
        what = f"item {item!r}" if version is None else f"version {version!r} of item {item!r}"
        super().__init__(f"No {what} in collection {collection!r}.", remedy="Search the collection for what it holds.")
        self.collection = collection
        self.item = item


class AssetNotFoundError(NotFoundError):
    """The item has no asset of this key."""

    code = "asset-not-found"

    def __init__(self, collection: str, item: str, asset: str) -> None:
        super().__init__(f"Item {item!r} of collection {collection!r} has no asset {asset!r}.", remedy="Look at its `assets`.")


class CollectionExistsError(ConflictError):
    """A collection of this id exists and was to be created."""

    code = "collection-exists"

    def __init__(self, collection: str) -> None:
        super().__init__(f"Collection {collection!r} exists already.", remedy="Replace it with PUT.")


class ItemExistsError(ConflictError):
    """An item of this id exists in the collection and was to be created."""

    code = "item-exists"

    def __init__(self, collection: str, item: str) -> None:
        super().__init__(f"Item {item!r} exists already in collection {collection!r}.", remedy="Replace it with PUT.")


class EtagMismatchError(PreconditionFailedError):
    """Somebody changed it since the caller read it."""

    code = "etag-mismatch"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} is not what the If-Match header names.", remedy="Read it again, redo the change, send its new ETag."
        )


class AssetNotHeldError(InvalidInputError):
    """A document claims that this site holds an asset which it does not hold."""

    code = "asset-not-held"

    def __init__(self, asset: str, href: str) -> None:
        super().__init__(
            f"Asset {asset!r} points at {href[:200]!r} on this site, which holds no such asset.",
            remedy="Upload the file, or give the address where it is.",
        )


class UnsortablePropertyError(InvalidInputError):
    """A property name that no item can have was to be sorted or counted by."""

    code = "unsortable-property"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name[:80]!r} cannot be sorted or counted by.", remedy="Name a property of the items.")
