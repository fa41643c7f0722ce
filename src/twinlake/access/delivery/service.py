"""Finding the bytes that somebody asks for, if they may have them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from twinlake.access.delivery.errors import BackendNotFoundError
from twinlake.holdings.catalogue.interfaces import Catalogue, StoredAsset, Visibility
from twinlake.identity.policy.models import CollectionFacts
from twinlake.identity.policy.service import Policy
from twinlake.identity.principals import Caller

VisibilityOf = Callable[[Caller], Awaitable[Visibility]]
"""Tells what a caller may discover."""


@dataclass(frozen=True, slots=True)
class GrantedAsset:
    """An asset that the caller may read."""

    asset: StoredAsset
    is_open: bool
    """Whether everybody may, so that shared caches may keep it."""


class Delivery:
    """Looks assets up for callers.

    Parameters
    ----------
    backend
        Id of this site, as it stands in its data URLs.
    """

    def __init__(self, *, backend: str, catalogue: Catalogue, policy: Policy, visibility_of: VisibilityOf) -> None:
        self._backend = backend
        self._catalogue = catalogue
        self._policy = policy
        self._visibility_of = visibility_of

    async def get_asset(self, caller: Caller, *, backend: str, collection: str, item: str, asset: str) -> GrantedAsset:
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
        if backend != self._backend:
            raise BackendNotFoundError(backend, self._backend)
        found = await self._catalogue.get_asset(collection, item, asset, await self._visibility_of(caller))
        access = (await self._catalogue.list_access())[collection]
        facts = CollectionFacts(id=collection, access=access.access, owner=access.owner, projects=frozenset(access.projects))
        self._policy.require(caller, "read", collection=facts)
        return GrantedAsset(found, is_open=access.access == "open" and access.embargo_days is None)
