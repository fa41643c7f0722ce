"""What graphs load, on the gateway's side: pinned for a caller, and laid out for a child."""

from collections.abc import Sequence
from pathlib import Path

from twinlake.core.errors import TwinlakeError
from twinlake.engines.objectstore import ObjectStore, place_object
from twinlake.identity.principals import Caller
from twinlake.processing.openeo.loading.files import FileRequest
from twinlake.processing.openeo.loading.pins import FilePins, KeptFile, PinnedLoads, Pins
from twinlake.processing.openeo.loading.requests import LoadRequest
from twinlake.processing.openeo.loading.resolving.files import FileResolver
from twinlake.processing.openeo.loading.resolving.laying_out import FileLayout
from twinlake.processing.openeo.loading.resolving.searches import Resolver
from twinlake.standards.openeo.errors import OpenEoError, ProcessError


class Inputs:
    """Finds and lends what graphs load."""

    def __init__(self, *, resolver: Resolver, files: FileResolver, layout: FileLayout, objects: ObjectStore) -> None:
        self._resolver = resolver
        self._files = files
        self._layout = layout
        self._objects = objects

    async def pin(self, loads: Sequence[LoadRequest | FileRequest], caller: Caller) -> PinnedLoads:
        """Return what *loads* read for *caller*, now; raises as the two resolvers do, and says at which node."""
        pinned: dict[str, Pins | FilePins] = {}
        for each in loads:
            try:
                if isinstance(each, FileRequest):
                    pinned[each.node] = await self._files.resolve(each, caller.principal)
                else:
                    pinned[each.node] = await self._resolver.resolve(each, caller)
            except OpenEoError as error:
                error.path = error.path or ({"node_id": each.node, "process_id": each.process},)
                raise
        return pinned

    async def require_readable(self, pinned: PinnedLoads, caller: Caller) -> None:
        """See that *caller* may read all of it now; raises as `Resolver.require_readable` does."""
        for pins in pinned.values():
            if not isinstance(pins, FilePins):  # which are the caller's own
                await self._resolver.require_readable(pins, caller)

    async def require_there(self, pinned: PinnedLoads, caller: Caller) -> None:
        """See that *caller* may read all of it now, and that it is there as it was; raises as `pin` and `lay_out` do.

        People's own files, and those from elsewhere, are seen to be there when they are laid out.
        """
        await self.require_readable(pinned, caller)
        for pins in pinned.values():
            if not isinstance(pins, FilePins):
                await self._resolver.require_listed(pins, caller)
                await self._layout.require_there(pins.files)

    async def lay_out(self, pinned: PinnedLoads, folder: Path) -> dict[str, str]:
        """Return where a child that may read *folder* finds each file, or store; raises as `FileLayout.lay_out` does."""
        files = {file.key: file for pins in pinned.values() if not isinstance(pins, FilePins) for file in pins.files}
        found = {key: str(path) for key, path in (await self._layout.lay_out(list(files.values()), folder)).items()}
        for pins in pinned.values():
            if not isinstance(pins, FilePins):
                continue
            store = pins.store
            if store is not None and store not in found:
                found[store] = str(folder / store)
                for each in pins.kept:
                    await self._place(each, folder / store / each.name)
            for each in pins.kept if store is None else ():
                if each.sha256 not in found:
                    found[each.sha256] = str(folder / f"file-{each.sha256}")
                    await self._place(each, folder / f"file-{each.sha256}")
        return found

    async def _place(self, kept: KeptFile, path: Path) -> None:
        try:
            await place_object(self._objects, kept.sha256, kept.size_bytes, path)
        except (FileNotFoundError, TwinlakeError) as error:
            raise ProcessError("FileUnreadable", f"The file {kept.name[:200]!r} is gone.") from error
