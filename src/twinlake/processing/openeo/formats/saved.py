"""What `save_result` makes: what is to be written, and how."""

from dataclasses import dataclass
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.formats.registry import find_format
from twinlake.processing.openeo.formats.suiting import require_suitable, suggest_format
from twinlake.processing.openeo.values import Values, to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A result with its format. Where a graph goes on with it, it is as openEO says: no cube, but a resource of STAC."""

    data: Any
    """A `Cube`, or plain JSON."""
    format: str
    """Its name in the registry."""
    options: JsonObject
    """All of the format's options."""


def save(data: Any, format_name: str | None = None, options: JsonObject | None = None) -> Saved:
    """Return a result, which may be hollow, with its format: the one that suits it best where none is named.

    Raises
    ------
    ProcessParameterInvalidError
        There is no such format, or an option is wrong.
    ProcessError
        ``FormatUnsuitable``: the format cannot hold it; ``DataCubeEmpty``: nor a cube in which there is nothing.
    """
    result = to_json(data) if isinstance(data, Values) else data
    chosen = find_format(format_name or suggest_format(result))
    known = chosen.read_options(options or {})
    require_suitable(result, chosen, known)
    return Saved(data=result, format=chosen.name, options=known)


def is_written_in_tiles(saved: Saved) -> bool:
    """Whether it is a cube that `writing.write` takes tile by tile; everything else is written by `writing.write_plain`."""
    return isinstance(saved.data, Cube)
