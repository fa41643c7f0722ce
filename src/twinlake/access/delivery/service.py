"""Finding the bytes that somebody asks for, if they may have them."""

from twinlake.access.delivery.errors import BackendNotFoundError
from twinlake.holdings.catalogue.interfaces import EVERYTHING, Catalogue, StoredAsset
from twinlake.holdings.visibility import CollectionPolicy
from twinlake.identity.principals import Caller


class Delivery:
    """Looks assets up for callers.

    Parameters
    ----------
    backend
        Id of this site, as it stands in its data URLs.
    """

    def __init__(self, *, backend: str, catalogue: Catalogue, collections: CollectionPolicy) -> None:
        self.backend = backend
        self._catalogue = catalogue
        self._collections = collections

    async def get_asset(self, caller: Caller, *, backend: str, collection: str, item: str, asset: str) -> StoredAsset:
        """Return an asset of a visible item if *caller* may read its collection.

        Raises
        ------
        BackendNotFoundError
            *backend* is not this site.
        NotFoundError
            There is no such collection, item or asset, or *caller* may not know of it.
        SignInRequiredError, RefusedError
            *caller* may know of it, but not read it.
        """
        if backend != self.backend:
            raise BackendNotFoundError(backend, self.backend)
        await self._collections.require(caller, "read", collection)
        return await self._catalogue.get_asset(collection, item, asset, await self._collections.visibility_of(caller))

    async def get_vouched_asset(self, collection: str, item: str, asset: str) -> StoredAsset:
        """Return an asset that this site itself has said may be read.

        Raises
        ------
        NotFoundError
            It is gone.
        """
        return await self._catalogue.get_asset(collection, item, asset, EVERYTHING)
