"""The work itself: a graph is computed, and its result written to files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.cubes import Cube, write_cube
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.graphs import refuse
from twinlake.processing.openeo.jobs.kind import Order
from twinlake.processing.openeo.reading import read_checked
from twinlake.processing.openeo.reporting import Report
from twinlake.processing.openeo.values import Values, to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFile:
    """A file, or a folder of files, that a graph has made."""

    path: Path
    """Its name is that of the asset."""
    media_type: str
    title: str
    roles: Sequence[str] = ("data",)
    bbox: tuple[float, float, float, float] | None = None
    """West, south, east, north in degrees (WGS 84); None where it is nowhere in particular."""
    interval: tuple[str, str] | None = None
    """First and last instant of what is in it (RFC 3339), closed at both ends."""
    members: Mapping[str, object] = field(default_factory=dict)
    """More of the STAC asset, such as ``cube:dimensions``."""

    def describe(self) -> JsonObject:
        """Return it as results keep it."""
        described: JsonObject = {
            **self.members,
            "type": self.media_type,
            "title": self.title,
            "roles": list(self.roles),
            "bbox": self.bbox,
            "interval": self.interval,
        }
        return {name: value for name, value in described.items() if value is not None}


def execute(order: Order, *, folder: Path, report: Report) -> list[ResultFile]:
    """Compute the graph of *order* and write its result below *folder*.

    Raises
    ------
    OpenEoError
        A process cannot do what it was asked to.
    """
    definitions = {name: orjson.dumps(each).decode() for name, each in order.definitions.items()}
    read = read_checked(orjson.dumps(order.graph), definitions, inline_cubes=order.inline_cubes)
    if read.graph is None:
        raise refuse(read.faults)
    result = evaluate(read.graph, read.cubes, read.definitions, report=report)
    written = write_cube(result) if isinstance(result, Cube) else to_json(result) if isinstance(result, Values) else result
    path = folder / "result.json"
    path.write_text(json.dumps(written, allow_nan=True, separators=(",", ":")), encoding="utf-8")
    return [ResultFile(path=path, media_type="application/json", title="Result")]
