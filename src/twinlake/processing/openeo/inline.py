"""Cubes that stand in a graph as JSON: for tests of processes through the API, where `openeo.inline_cubes` lets them."""

from typing import Any

from twinlake.processing.openeo.cubes import Cube, read_cube
from twinlake.standards.openeo.errors import ProcessParameterInvalidError


def lift_cubes(graph: Any) -> tuple[Any, dict[str, Cube]]:
    """Return *graph*, JSON, with parameters in place of the cubes in it, and these by the parameters' names.

    A cube is an object of the ``type`` ``datacube`` with ``order``, ``dimensions`` and ``data``.

    Raises
    ------
    ProcessParameterInvalidError
        One has data that do not fit its dimensions.
    """
    cubes: dict[str, Cube] = {}

    def lift(value: Any) -> Any:  # within the depth of a graph
        if isinstance(value, list):
            return [lift(each) for each in value]
        if not isinstance(value, dict):
            return value
        if value.get("type") == "datacube" and {"order", "dimensions", "data"} <= value.keys():
            name = f"inline cube {len(cubes)}"
            try:
                cubes[name] = read_cube(value)
            except (KeyError, TypeError, ValueError) as error:
                raise ProcessParameterInvalidError(f"A cube in the graph is none: {error}.") from error
            return {"from_parameter": name}
        return {name: lift(each) for name, each in value.items()}

    return lift(graph), cubes
