"""A small site whose files are made by tests, and loads from it: search, pins, files, source."""

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import Affine

from shared_intake import take_in
from twinlake.holdings.catalogue.interfaces import CollectionAccess, ItemDraft, Linked, Managed
from twinlake.holdings.ingest.stores import add_store
from twinlake.identity.principals import Caller, Principal
from twinlake.processing.openeo.definitions import NO_DEFINITIONS
from twinlake.processing.openeo.loading.pins import Pins, read_pinned, write_pinned
from twinlake.processing.openeo.loading.reading.opening import open_pinned
from twinlake.processing.openeo.loading.requests import LoadRequest, find_loads
from twinlake.processing.openeo.loading.resolving.laying_out import FileLayout
from twinlake.processing.openeo.loading.resolving.searches import Resolver
from twinlake.processing.openeo.loading.source import Source
from twinlake.processing.openeo.reporting import Notes, Report
from twinlake.processing.openeo.runner.running import plan_graph
from twinlake.processing.openeo.runner.telling import tell_loads
from twinlake.standards.openeo.graph import parse_graph
from twinlake.testing.clock import HandClock
from twinlake.testing.site import LocalSite, local_site

ADA = Caller(principal=Principal("urn:twinlake:site:central", "ada"), scopes=frozenset({"search", "read", "process"}))


class Lake:
    """A site with what loads need."""

    def __init__(self, site: LocalSite, folder: Path) -> None:
        services = site.services
        self.site = site
        self.services = services
        self.folder = folder
        self.resolver = Resolver(
            catalogue=services.catalogue,
            collections=services.collections,
            links=services.links,
            public_url=services.settings.base_url,
        )
        self.layout = FileLayout(catalogue=services.catalogue, objects=services.objects, links=services.links)
        self._loads = 0

    async def hold(
        self,
        source: Path,
        *,
        collection: str,
        recipe: str = "",
        link: bool = False,
        access: CollectionAccess | None = None,
        **more,
    ) -> list[dict]:
        """Take in all files below *source* as the children of an ingest run do; return the items."""
        written = self.folder / f"{collection}.toml"
        written.write_text(recipe)
        intake = take_in(source, written)
        assert not intake.refused, intake.refused
        document = {**intake.collections[0], "id": collection, **more}
        await self.services.catalogue.put_collection(document, access=access)
        items = []
        for built in intake.built:
            item, holdings = {**built.draft.document, "collection": collection}, {}
            for key, file in built.files.items():
                if file.members:
                    scratch = self.folder / "scratch" / f"{collection}-{item['id']}"
                    scratch.mkdir(parents=True)
                    for name, made in add_store(item["assets"], key, file, built.members[key], scratch).items():
                        stored = await self.services.objects.put_file(scratch / made["made"])
                        holdings[name] = Managed(stored.sha256, stored.size_bytes)
                elif link:
                    holdings[key] = Linked(str(file.path), file.path.stat().st_size)
                else:
                    stored = await self.services.objects.put_file(file.path)
                    holdings[key] = Managed(stored.sha256, stored.size_bytes)
            item["assets"].pop("thumbnail", None)
            items.append(item)
            await self.services.catalogue.put_items([ItemDraft(document=item, holdings=holdings)])
        return items

    async def pin(self, request: LoadRequest, caller: Caller = ADA) -> Pins:
        """Resolve a request; what comes back has been JSON."""
        return read_pinned(write_pinned({"": await self.resolver.resolve(request, caller)}))[""]

    @asynccontextmanager
    async def open(self, pins: Pins) -> AsyncGenerator[Source]:
        """Lay the files of *pins* out and open them, as a child would."""
        self._loads += 1
        folder = self.folder / "laid out" / str(self._loads)
        files = await self.layout.lay_out(pins.files, folder)
        with open_pinned(pins, files) as source:
            yield source
        shutil.rmtree(folder, ignore_errors=True)

    async def read(self, pins: Pins, **window):
        """Return a part of the cube."""
        async with self.open(pins) as source:
            return source.read(window)

    async def load(self, collection: str, **arguments):
        """Return the whole cube of a load."""
        return await self.read(await self.pin(request(collection, **arguments)))


@asynccontextmanager
async def open_lake(folder: Path, **settings) -> AsyncGenerator[Lake]:
    """Make a site in *folder*."""
    async with local_site(folder / "site", clock=HandClock(), settings=settings) as site:
        yield Lake(site, folder)


def request(source: str, process: str = "load_collection", **arguments) -> LoadRequest:
    """Return what a graph of one load asks for."""
    named = {"load_collection": "id", "load_stac": "url"}[process]
    given = {named: source, "spatial_extent": None, "temporal_extent": None, **arguments}
    return find_loads(graph({"load": {"process_id": process, "arguments": given, "result": True}}))[0]


def warnings_of(pins: Pins, extent: list[str] | None = None) -> list[str]:
    """Return of what the owner of a job that loads *pins*, of that temporal extent, is warned."""
    arguments = {"id": "c", "temporal_extent": extent}
    nodes = graph({"load": {"process_id": "load_collection", "arguments": arguments, "result": True}})
    notes = Notes()
    tell_loads(Report(notes), plan_graph(nodes, NO_DEFINITIONS), {"load": pins})
    return [each.message for each in notes.all if each.level == "warning"]


def graph(nodes):
    """Return a graph that was read."""
    found, faults = parse_graph(nodes)
    assert not faults, faults
    return found


def write_raster(
    path: Path, data, *, crs="EPSG:32631", left=500_000.0, top=5_600_000.0, pixel=10.0, nodata=None, transform=None, **more
):
    """Write bands, shape (band, y, x) or (y, x), as a tiled GeoTIFF."""
    data = np.asarray(data)
    bands = data[None] if data.ndim == 2 else data
    path.parent.mkdir(parents=True, exist_ok=True)
    names, scales, offsets = more.pop("names", None), more.pop("scales", None), more.pop("offsets", None)
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), height=bands.shape[1], width=bands.shape[2], dtype=bands.dtype, crs=crs,
        transform=transform or Affine(pixel, 0, left, 0, -pixel, top), nodata=nodata, tiled=True, blockxsize=16, blockysize=16,
        **more,
    ) as target:  # fmt: skip
        target.write(bands)
        if names:
            target.descriptions = names
        if scales:
            target.scales, target.offsets = scales, offsets
    return path
