"""Reading graphs that somebody else wrote, with what they call; for children alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twinlake.processing.openeo.checking import find_faults
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.definitions import Definitions, read_definitions
from twinlake.processing.openeo.inline import lift_cubes
from twinlake.standards.openeo.graph import Fault, Graph, read_draft


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadGraph:
    """A graph with what it calls, or what is wrong with it."""

    graph: Graph | None
    """None where there are faults."""
    definitions: Definitions
    cubes: Mapping[str, Cube]
    """Those that stood in the graph, by the parameters that stand there now."""
    faults: Sequence[Fault]


def read_checked(text: bytes, definitions: Mapping[str, str], *, parameters: Sequence[str] = (), inline_cubes: bool) -> ReadGraph:
    """Read and check a graph in JSON.

    Parameters
    ----------
    definitions
        The user-defined processes that it may call, in JSON, by id.
    parameters
        Names of what it is given.
    inline_cubes
        Let cubes stand in it.

    Raises
    ------
    ProcessParameterInvalidError
        A cube in it is none.
    """
    called, faults = read_definitions(definitions)
    graph = None
    cubes: Mapping[str, Cube] = {}
    if inline_cubes:
        lifted, cubes = lift_cubes(json.loads(text))
        text = json.dumps(lifted).encode()
    if not faults:
        draft = read_draft(text)
        graph, faults = draft.graph, find_faults(draft, (*parameters, *cubes), called)
    return ReadGraph(graph=None if faults else graph, definitions=called, cubes=cubes, faults=faults)
