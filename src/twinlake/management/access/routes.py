"""Read and change the access record of a collection."""

from typing import Annotated

from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field

from twinlake.core.ids import check_id
from twinlake.holdings.catalogue.interfaces import Access, Catalogue, CollectionAccess
from twinlake.holdings.visibility import CollectionPolicy
from twinlake.identity.principals import parse_principal
from twinlake.identity.web import guarded_api

_PATH = "/collections/{collection}/access"


class AccessRecord(BaseModel):
    """Who may see and read a collection."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    access: Annotated[Access, Field(description="open, licensed, restricted or private.")]
    owner: Annotated[str | None, Field(description="issuer|subject of the owning principal.")] = None
    projects: Annotated[list[str], Field(max_length=1000, description="Projects whose members may discover and read it.")] = []
    embargo_days: Annotated[int | None, Field(ge=0, le=36500, description="Items younger than this are hidden.")] = None

    @classmethod
    def of(cls, record: CollectionAccess) -> "AccessRecord":
        """Write *record*."""
        return cls(access=record.access, owner=record.owner, projects=list(record.projects), embargo_days=record.embargo_days)

    def read(self) -> CollectionAccess:
        """Return the record, its names checked.

        Raises
        ------
        InvalidInputError
            The owner or a project is no name.
        """
        return CollectionAccess(
            access=self.access,
            owner=None if self.owner is None else str(parse_principal(self.owner)),
            projects=tuple(sorted({check_id(project, "project") for project in self.projects})),
            embargo_days=self.embargo_days,
        )


def declare_routes(app: FastAPI, *, catalogue: Catalogue, collections: CollectionPolicy) -> None:
    """Add the access records to *app*."""
    routes = _AccessRoutes(catalogue, collections)
    guarded_api(app, _PATH, routes.get_access, methods=["GET"], action="administer", on="resource", tags=["collections"])
    guarded_api(app, _PATH, routes.put_access, methods=["PUT"], action="administer", on="resource", tags=["collections"])


class _AccessRoutes:
    def __init__(self, catalogue: Catalogue, collections: CollectionPolicy) -> None:
        self._catalogue = catalogue
        self._collections = collections

    async def get_access(self, request: Request, collection: str) -> AccessRecord:
        """Return a collection's access record; for its owner, data stewards and administrators."""
        await self._collections.require(request.state.caller, "administer", collection)
        return AccessRecord.of((await self._catalogue.list_access())[collection])

    async def put_access(self, request: Request, collection: str, record: AccessRecord) -> AccessRecord:
        """Replace a collection's access record; it counts for the next request."""
        await self._collections.require(request.state.caller, "administer", collection)
        await self._catalogue.set_access(collection, record.read())
        return AccessRecord.of((await self._catalogue.list_access())[collection])
