"""From files that a graph names to pins, in the gateway."""

from twinlake.identity.principals import Principal
from twinlake.processing.openeo.files.store import FileStore
from twinlake.processing.openeo.loading.files import FileRequest
from twinlake.processing.openeo.loading.pins import FilePins, KeptFile
from twinlake.processing.openeo.loading.resolving.urls import UrlLoader, without_secrets
from twinlake.standards.openeo.errors import AuthenticationRequiredError, ProcessError

_OTHER_WAYS = (
    "What sites of the federation hold is loaded by load_collection, or by load_stac with the address of the item; a file of your"
    " own needs no address: upload it, and load it with load_uploaded_files."
)


class FileResolver:
    """Finds the bytes: people's own at the site, others by getting them."""

    def __init__(self, *, files: FileStore, urls: UrlLoader) -> None:
        self._files = files
        self._urls = urls

    async def resolve(self, request: FileRequest, owner: Principal | None) -> FilePins:
        """Return what *request* will read for *owner*.

        Raises
        ------
        AuthenticationRequiredError
            Nobody in particular asks.
        FileNotFoundError, FolderOperationUnsupportedError
            A path is none of theirs, or that of a folder.
        ProcessError
            ``UrlUnsupported``: the address is not let pass, nothing came from there, or it is too large.
        """
        if owner is None:
            raise AuthenticationRequiredError("Say who you are.")
        if request.url is not None:
            try:
                stored = await self._urls.fetch(request.url)
            except ProcessError as error:
                error.remedy = " ".join(filter(None, (error.remedy, _OTHER_WAYS)))
                raise
            name = without_secrets(request.url)
            kept: tuple[KeptFile, ...] = (KeptFile(name=name, sha256=stored.sha256, size_bytes=stored.size_bytes),)
        else:
            found = await self._files.find(owner, request.paths)
            kept = tuple(KeptFile(name=each.path, sha256=each.sha256, size_bytes=each.size_bytes) for each in found)
        return FilePins(format=request.format, options=request.options, kept=kept)
