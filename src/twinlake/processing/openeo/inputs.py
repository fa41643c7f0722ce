"""What graphs load, on the gateway's side: pinned for a caller, and laid out for a child."""

from collections.abc import Sequence
from pathlib import Path

from twinlake.identity.principals import Caller
from twinlake.processing.openeo.loading.laying_out import FileLayout
from twinlake.processing.openeo.loading.pins import PinnedLoads, Pins
from twinlake.processing.openeo.loading.requests import LoadRequest
from twinlake.processing.openeo.loading.resolving import Resolver
from twinlake.standards.openeo.errors import OpenEoError


class Inputs:
    """Finds and lends what graphs load."""

    def __init__(self, *, resolver: Resolver, layout: FileLayout) -> None:
        self._resolver = resolver
        self._layout = layout

    async def pin(self, loads: Sequence[LoadRequest], caller: Caller) -> PinnedLoads:
        """Return what *loads* read for *caller*, now; raises as `Resolver.resolve` does, and says at which node."""
        pinned: dict[str, Pins] = {}
        for each in loads:
            try:
                pinned[each.node] = await self._resolver.resolve(each, caller)
            except OpenEoError as error:
                error.path = error.path or ({"node_id": each.node, "process_id": each.process},)
                raise
        return pinned

    async def require_readable(self, pinned: PinnedLoads, caller: Caller) -> None:
        """See that *caller* may read all of it now; raises as `Resolver.require_readable` does."""
        for pins in pinned.values():
            await self._resolver.require_readable(pins, caller)

    async def lay_out(self, pinned: PinnedLoads, folder: Path) -> dict[str, str]:
        """Return where a child that may read *folder* finds each file; raises as `FileLayout.lay_out` does."""
        files = {file.key: file for pins in pinned.values() for file in pins.files}
        return {key: str(path) for key, path in (await self._layout.lay_out(list(files.values()), folder)).items()}
