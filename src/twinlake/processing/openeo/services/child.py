"""What draws tiles of services: a confined child that keeps what it has read of them.

A message is JSON: ``service``, which names what is drawn and how, ``tile`` (z, x, y), without which the scale is asked for, and,
where the child does not know the service yet, ``order``: ``graph``, ``definitions``, ``pins``, ``files`` and ``style``. The
answer begins with a letter: ``P`` for a PNG, ``S`` for a scale in JSON, ``U`` for a service that is not known, ``E`` for an
error in JSON.
"""

import json
import logging
import shutil
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from twinlake.engines.sandbox.worker import serve
from twinlake.holdings.readers.gdal import configured
from twinlake.processing.openeo.cubes import Cube, find_quantity
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.formats.png import Stretch
from twinlake.processing.openeo.loading.pins import CubePins, RasterPins, read_pinned
from twinlake.processing.openeo.loading.reading.rasters import RasterSource
from twinlake.processing.openeo.reading import read_checked
from twinlake.processing.openeo.runner.running import Run, open_sources, plan_graph
from twinlake.processing.openeo.services.extents import Box, find_box, smallest_tile
from twinlake.processing.openeo.services.mercator import Tile, to_degrees
from twinlake.processing.openeo.services.pictures import draw, find_stretch, lay_over, layers_of
from twinlake.processing.openeo.shapes.dimensions import find_horizontal
from twinlake.processing.openeo.tiles.computing import Computed, Here
from twinlake.standards.openeo.errors import OpenEoError, ProcessError

_MOST_SERVICES: Final = 8
_MOST_ZOOMS: Final = 4
_MOST_CELLS: Final = 50_000_000
"""Of a map that is computed as a whole."""


class _Maps:
    """The services that are known, the last ones used."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Map] = OrderedDict()

    def find(self, name: str, order: Mapping[str, Any] | None) -> "_Map | None":
        if name not in self._known:
            if order is None:
                return None
            self._known[name] = _Map(order)
            if len(self._known) > _MOST_SERVICES:
                self._known.popitem(last=False)[1].close()
        self._known.move_to_end(name)
        return self._known[name]


class _Map:
    """One service."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        read = read_checked(json.dumps(order["graph"]).encode(), order["definitions"], inline_cubes=False)
        if read.graph is None:
            fault = read.faults[0]
            raise ProcessError(fault.code, fault.message)
        self._style = order["style"]
        self._plan = plan_graph(read.graph, read.definitions)
        self._pinned = read_pinned(order["pins"])
        self._files: Mapping[str, str] = order["files"]
        self._sources: OrderedDict[int, tuple[ExitStack, dict[str, RasterSource]]] = OrderedDict()
        self._whole: Cube | None = None
        self._stretch: Stretch | None = None

    def close(self) -> None:
        while self._sources:
            self._sources.popitem()[1][0].close()

    def draw(self, tile: Tile) -> bytes:
        """Return a tile as PNG."""
        layers, there = layers_of(self._compute(tile))
        return draw(layers, there, self._find_stretch(), self._style["palette"])

    def describe(self) -> bytes:
        """Return the scale of all tiles in JSON (`renderer.Scale`)."""
        box, stretch = self._find_box(), self._find_stretch()
        cube = self._compute(smallest_tile(box))
        layers, _ = layers_of(cube)
        quantity = find_quantity(cube)
        found = {
            "lowest": stretch.lowest,
            "highest": stretch.highest,
            "bands": len(layers),
            "unit": None if quantity is None else quantity.unit,
            "bbox": [*to_degrees(*box[:2]), *to_degrees(*box[2:])],
        }
        return json.dumps(found).encode()

    def _find_box(self) -> Box:
        return find_box([pins.dimensions for pins in self._pinned.values() if isinstance(pins, CubePins)])

    def _find_stretch(self) -> Stretch:
        """Return the stretch of all tiles: what is not said is told from the whole map, small."""
        if self._stretch is None:
            layers, there = layers_of(self._compute(smallest_tile(self._find_box())))
            self._stretch = find_stretch(layers, there, self._style)
        return self._stretch

    def _compute(self, tile: Tile) -> Cube:
        y, x = tile.pixels()
        if self._pinned and all(isinstance(each, RasterPins) for each in self._pinned.values()):
            loaded = {node: source.over(y, x) for node, source in self._open(tile).items()}
            known = {node: source.read({}) for node, source in loaded.items()}
            return lay_over(_as_cube(evaluate(self._plan.graph, {}, self._plan.definitions, known=known)), y, x)
        return lay_over(self._compute_whole(), y, x)

    def _open(self, tile: Tile) -> dict[str, RasterSource]:
        """Return sources whose images are as coarse as the tiles of a zoom."""
        if tile.z not in self._sources:
            stack = ExitStack()
            with stack:
                stack.enter_context(configured())
                paths = {key: Path(path) for key, path in self._files.items()}
                y, x = tile.pixels()
                made = {}
                for node, pins in self._pinned.items():
                    assert isinstance(pins, RasterPins)
                    made[node] = RasterSource(pins, paths, for_pictures=True).over(y, x)
                    stack.callback(made[node].close)
                self._sources[tile.z] = (stack.pop_all(), made)
            if len(self._sources) > _MOST_ZOOMS:
                self._sources.popitem(last=False)[1][0].close()
        self._sources.move_to_end(tile.z)
        return self._sources[tile.z][1]

    def _compute_whole(self) -> Cube:
        """Return the map on its own pixels, computed once."""
        if self._whole is None:
            parts = Path("parts")
            shutil.rmtree(parts, ignore_errors=True)
            with open_sources(self._pinned, self._files) as sources:
                run = Run(plan=self._plan, sources=sources, scratch=parts, runner=Here(), progress=lambda *_: None)
                made = run.compute()[-1]
                if not isinstance(made, Computed):
                    raise ProcessError("FormatUnsuitable", "The result is no cube, and a map is one.")
                find_horizontal(made.hollow.dimensions)
                cells = 1.0
                for each in made.hollow.dimensions:
                    cells *= len(each.labels)
                if cells > _MOST_CELLS:
                    raise ProcessError("FormatUnsuitable", f"The map has {cells:.0f} cells, and {_MOST_CELLS} are the most.")
                self._whole = made.whole()
        return self._whole


def _as_cube(made: Any) -> Cube:
    data = getattr(made, "data", made)
    if not isinstance(data, Cube):
        raise ProcessError("FormatUnsuitable", "The result is no cube, and a map is one.")
    find_horizontal(data.dimensions)
    return data


_maps = _Maps()


def answer(message: bytes) -> bytes:
    """Answer one message."""
    order = json.loads(message)
    try:
        known = _maps.find(order["service"], order.get("order"))
        if known is None:
            return b"U"
        return b"P" + known.draw(Tile(*order["tile"])) if "tile" in order else b"S" + known.describe()
    except OpenEoError as error:
        code = error.reason if isinstance(error, ProcessError) else error.code
        return b"E" + json.dumps({"code": code, "message": error.message}).encode()
    except Exception:  # a mistake costs its tile, not the child
        logging.getLogger(__name__).exception("a tile could not be drawn")
        return b"E" + json.dumps({"code": "Internal", "message": "A process made a mistake."}).encode()


if __name__ == "__main__":
    serve(answer)
