"""What computes and checks graphs that somebody else wrote: a confined child that is kept warm.

A message is JSON: ``do`` (``check``, ``compute``), ``graph``, as the text that came, ``parameters``, the names that it is given,
and ``definitions``, the user-defined processes that it may call, as texts by id. The answer is JSON: ``faults``, or ``result``,
or ``error``; NaN and infinity stand in it as openEO's clients write and read them.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from twinlake.engines.sandbox.worker import serve
from twinlake.processing.openeo.checking import find_faults
from twinlake.processing.openeo.definitions import Definitions, read_definitions
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.values import Values, to_json
from twinlake.standards.openeo.errors import OpenEoError, ProcessError
from twinlake.standards.openeo.graph import Fault, Graph, read_graph


def answer(message: bytes) -> bytes:
    """Answer one message."""
    order = json.loads(message)
    definitions, faults = read_definitions(order["definitions"])
    graph = None
    if not faults:
        graph, faults = read_graph(order["graph"].encode())
    if graph is not None:
        faults = find_faults(graph, order["parameters"], definitions)
    if order["do"] == "check" or faults or graph is None:
        return _write({"faults": _describe(faults)})
    return _write(_compute(graph, definitions))


def _compute(graph: Graph, definitions: Definitions) -> dict[str, Any]:
    try:
        result = evaluate(graph, {}, definitions)
    except OpenEoError as error:
        code = error.reason if isinstance(error, ProcessError) else error.code
        return {"error": {"code": code, "message": error.message}}
    except Exception:  # a mistake of a process costs its graph, not the child
        logging.getLogger(__name__).exception("a process made a mistake")
        return {"error": {"code": "Internal", "message": "A process made a mistake."}}
    return {"result": to_json(result) if isinstance(result, Values) else result}


def _describe(faults: Sequence[Fault]) -> list[dict[str, str]]:
    return [asdict(fault) for fault in faults]


def _write(document: dict[str, Any]) -> bytes:
    return json.dumps(document, allow_nan=True, separators=(",", ":")).encode()


if __name__ == "__main__":
    serve(answer)
