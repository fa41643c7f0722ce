"""What computes and checks graphs that somebody else wrote: a confined child that is kept warm.

A message is JSON: ``do`` (``check``, ``compute``), ``graph``, as the text that came, ``parameters``, the names that it is given,
``definitions``, the user-defined processes that it may call, as texts by id, and ``inline_cubes``. The answer is JSON:
``faults``, or ``result``, or ``error``; NaN and infinity stand in it as openEO's clients write and read them.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from twinlake.engines.sandbox.worker import serve
from twinlake.processing.openeo.cubes import Cube, write_cube
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.formats.saved import Saved
from twinlake.processing.openeo.reading import read_checked
from twinlake.processing.openeo.values import Values, to_json
from twinlake.standards.openeo.errors import FeatureUnsupportedError, OpenEoError, ProcessError
from twinlake.standards.openeo.graph import Fault


def answer(message: bytes) -> bytes:
    """Answer one message."""
    order = json.loads(message)
    try:
        return _write(_answer(order))
    except OpenEoError as error:
        code = error.reason if isinstance(error, ProcessError) else error.code
        return _write({"error": {"code": code, "message": error.message}})
    except Exception:  # a mistake of a process costs its graph, not the child
        logging.getLogger(__name__).exception("a process made a mistake")
        return _write({"error": {"code": "Internal", "message": "A process made a mistake."}})


def _answer(order: dict[str, Any]) -> dict[str, Any]:
    read = read_checked(
        order["graph"].encode(), order["definitions"], parameters=order["parameters"], inline_cubes=order["inline_cubes"]
    )
    if order["do"] == "check" or read.graph is None:
        return {"faults": _describe(read.faults)}
    result = evaluate(read.graph, read.cubes, read.definitions)
    if isinstance(result, Saved):
        if result.format != "JSON":
            raise FeatureUnsupportedError(f"{result.format} is for batch jobs; what is computed while you wait comes as JSON.")
        result = result.data
    if isinstance(result, Cube):
        return {"result": write_cube(result)}
    return {"result": to_json(result) if isinstance(result, Values) else result}


def _describe(faults: Sequence[Fault]) -> list[dict[str, str]]:
    return [asdict(fault) for fault in faults]


def _write(document: dict[str, Any]) -> bytes:
    return json.dumps(document, allow_nan=True, separators=(",", ":")).encode()


if __name__ == "__main__":
    serve(answer)
