"""Who may take in what: a specification is checked, with the caller's rights, before it becomes a job."""

import msgspec

from twinlake.core.documents import JsonObject
from twinlake.core.errors import UnauthenticatedError
from twinlake.holdings.catalogue.errors import CollectionNotFoundError
from twinlake.holdings.catalogue.interfaces import Catalogue
from twinlake.holdings.ingest.spec import read_spec, write_spec
from twinlake.holdings.ingest.uploads import Uploads
from twinlake.holdings.recipes import parse_recipe
from twinlake.holdings.visibility import CollectionPolicy
from twinlake.identity.policy.service import Policy
from twinlake.identity.principals import Caller


class IngestService:
    """Checks what is to be taken in."""

    def __init__(self, *, catalogue: Catalogue, uploads: Uploads, policy: Policy, collections: CollectionPolicy) -> None:
        self._catalogue = catalogue
        self._uploads = uploads
        self._policy = policy
        self._collections = collections

    async def prepare(self, caller: Caller, document: JsonObject) -> JsonObject:
        """Check a specification and the caller's right to it; return it as it will be run.

        Raises
        ------
        InvalidInputError
            The specification, its recipe or a name in it is wrong.
        CollectionNotFoundError
            There is no such collection for the caller, and none is to be made.
        ForbiddenError
            The caller may not write to the collection, or not make one.
        UploadNotFoundError, UploadIncompleteError
            A file names no upload of the caller, or one that lacks bytes.
        """
        if caller.principal is None:
            raise UnauthenticatedError("Nobody in particular cannot take anything in.", remedy="Send a token.")
        spec = read_spec(document)
        parse_recipe(spec.recipe)
        is_new = await self.authorise(caller, spec.collection, create=spec.create_collection)
        spec = msgspec.structs.replace(spec, create_collection=is_new)
        await self._uploads.check_complete(str(caller.principal), [file.upload for file in spec.files if file.upload])
        return write_spec(spec)

    async def authorise(self, caller: Caller, collection: str, *, create: bool) -> bool:
        """Check the right to take into a collection; return whether it is to be made, which one that is there is not.

        Raises
        ------
        CollectionNotFoundError, ForbiddenError
        """
        if collection in await self._catalogue.list_access():
            await self._collections.require(caller, "write", collection)
            return False
        if not create:
            raise CollectionNotFoundError(collection)
        self._policy.require(caller, "create_collection")
        return True
