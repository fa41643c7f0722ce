"""What computes and checks graphs that somebody else wrote: a confined child that is kept warm.

A message is JSON: ``do`` (`Do`), ``graph``, as the text that came, ``parameters``, the names that it is given, ``definitions``,
the user-defined processes that it may call, as texts by id, ``inline_cubes``, ``runs_code``, whether code of users is run,
``identifier``, and where something is loaded ``pins``, by node, and ``files``, where they lie. The answer is JSON: ``faults``;
``loads`` and ``named``, by search and of files that are named; ``result``; ``file``; or ``error``; where a graph was run dry, or
loads nothing, ``identity`` and ``is_private``.
NaN and infinity stand in it as openEO's clients write and read them.
"""

import json
import shutil
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import numpy as np

from twinlake.engines.sandbox.worker import serve
from twinlake.processing.openeo.cost.estimating import Estimate
from twinlake.processing.openeo.cubes import Cube, write_cube
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.formats.facts import ResultFacts, WrittenFile
from twinlake.processing.openeo.formats.saved import Saved
from twinlake.processing.openeo.identity import identify, runs_user_code
from twinlake.processing.openeo.loading.files import find_file_loads
from twinlake.processing.openeo.loading.pins import PinnedLoads, read_pinned, tell_apart
from twinlake.processing.openeo.loading.requests import find_loads
from twinlake.processing.openeo.planning import Plan
from twinlake.processing.openeo.quotas.answer_limit import ANSWER_SECONDS
from twinlake.processing.openeo.reading import ReadGraph, read_checked
from twinlake.processing.openeo.reporting import Notes, Report
from twinlake.processing.openeo.runner.packing import pack
from twinlake.processing.openeo.runner.running import (
    Run,
    check_plan,
    estimate_plan,
    facts_of,
    open_sources,
    plan_graph,
    write_saved,
)
from twinlake.processing.openeo.runner.telling import tell_loads
from twinlake.processing.openeo.tiles.computing import Computed, Here, depends_on_data
from twinlake.processing.openeo.tiles.layout import TileSize
from twinlake.processing.openeo.tools import NO_TOOLS, RefusedUserCode, Tools
from twinlake.processing.openeo.values import Values, to_json
from twinlake.standards.openeo.errors import EstimateComplexityError, OpenEoError, ProcessError, ProcessGraphComplexityError
from twinlake.standards.openeo.graph import Fault

Do = Literal["check", "plan", "identify", "dry", "estimate", "compute"]
"""Find faults; the same, or what is loaded; identify it on pins; run it dry on them, too; tell what it takes; compute it."""
_NO_CODE: Final = Tools(user_code=RefusedUserCode("Code of one's own is run for those who are signed in: sign in."))
_LARGEST_JSON: Final = 1_000_000
"""Cells of a cube that is sent as JSON where nobody asked for a format."""
_RESULTS: Final = "results"
_MOST_TRACE: Final = 4096
_PARTS: Final = "parts"

_TOO_LARGE = "The graph needs more memory than one may have: take a smaller extent, a coarser grid, or fewer bands and dates."


def answer(message: bytes, tools: Tools = NO_TOOLS) -> bytes:
    """Answer one message; what somebody's code has left in its sandbox is gone before the next one."""
    try:
        order = json.loads(message)
        return _answer_or_explain(order, tools if order["runs_code"] else _NO_CODE)
    finally:
        tools.close()


def _answer_or_explain(order: dict[str, Any], tools: Tools) -> bytes:
    try:
        return _write(_answer(order, tools))
    except OpenEoError as error:
        code = error.reason if isinstance(error, ProcessError) else error.code
        message = f"{error.message} {error.remedy or ''}".rstrip()
        return _write({"error": {"code": code, "message": message, "node": _node_of(error)}})
    except MemoryError:
        return _write({"error": {"code": "ProcessGraphComplexity", "message": _TOO_LARGE, "node": ""}})
    except Exception:  # noqa: BLE001  # a mistake of a process costs its graph, not the child; the answer tells the site
        told = {"code": "Internal", "message": "A process made a mistake.", "node": ""}
        return _write({"error": told, "trace": traceback.format_exc()[-_MOST_TRACE:]})


def _node_of(error: OpenEoError) -> str:
    """Return the path of node ids from the outermost graph, as faults have it."""
    return "/".join(each["node_id"] for each in reversed(error.path))


def _answer(order: dict[str, Any], tools: Tools) -> dict[str, Any]:
    do: Do = order["do"]
    read = read_checked(
        order["graph"].encode(), order["definitions"], parameters=order["parameters"], inline_cubes=order["inline_cubes"]
    )
    if do == "check" or read.graph is None:
        return {"faults": _describe(read.faults)}
    if read.cubes:
        match do:
            case "estimate":
                raise EstimateComplexityError("What cubes that stand in a graph take is not told beforehand.")
            case "plan":
                return {"loads": [], "named": []}
            case "identify" | "dry":
                return {"faults": []}
        return _compute_inline(read, order, tools)
    planned = plan_graph(read.graph, read.definitions)
    pinned = read_pinned(order.get("pins", {}))
    match do:
        case "plan":
            loads, named = find_loads(planned.graph), find_file_loads(planned.graph)
            known = {} if loads or named else _identify(planned, {})
            return {"loads": msgspec.to_builtins(loads), "named": msgspec.to_builtins(named), **known}
        case "identify" | "dry":
            if do == "dry":
                check_plan(planned, pinned, order.get("files", {}), tools=tools)
            return {"faults": [], **_identify(planned, tell_apart(pinned))}
        case "estimate":
            return {"result": _estimate(planned, pinned, order, tools)}
        case _:
            return _compute(planned, pinned, order, tools)


def _identify(planned: Plan, pins: Mapping[str, Any]) -> dict[str, Any]:
    return {"identity": identify(planned, pins, size=TileSize()), "is_private": runs_user_code(planned)}


def _estimate(planned: Plan, pinned: PinnedLoads, order: Mapping[str, Any], tools: Tools) -> dict[str, Any]:
    """Return what a graph takes, and of what the log of a job of it would warn, as far as it is known before."""
    notes = Notes()
    heard = replace(tools, report=Report(notes))
    tell_loads(heard.report, planned, pinned)
    told = estimate_plan(planned, pinned, order.get("files", {}), tools=heard)
    warnings = [
        {"node": "/".join(each["node_id"] for each in reversed(note.path)), "message": note.message}
        for note in notes.all
        if note.level == "warning"
    ]
    return {**msgspec.to_builtins(told), "warnings": warnings}


def _compute(planned: Plan, pinned: PinnedLoads, order: Mapping[str, Any], tools: Tools) -> dict[str, Any]:
    if pinned and not (depends_on_data(planned.graph) or runs_user_code(planned)):
        _require_little(estimate_plan(planned, pinned, order.get("files", {}), tools=tools))
    for name in (_RESULTS, _PARTS):
        shutil.rmtree(name, ignore_errors=True)
    with open_sources(pinned, order.get("files", {})) as sources:
        run = Run(plan=planned, sources=sources, scratch=Path(_PARTS), runner=Here(), progress=lambda *_: None, tools=tools)
        made = run.compute()
        if len(made) == 1 and planned.outputs[0].format is None and (plain := _as_json(made[0])) is not None:
            return {"result": plain[0]}
        folder = Path(_RESULTS)
        folder.mkdir()
        return _answer_with(run.save(made, folder, _facts_of(order, pinned)))


def _require_little(told: Estimate) -> None:
    """Refuse at once what is known to take too long, instead of when the time is over."""
    if told.cpu_seconds.low > ANSWER_SECONDS:
        raise ProcessGraphComplexityError(
            f"The graph takes about {told.cpu_seconds.likely:.0f} s of CPU time, and {ANSWER_SECONDS:.0f} s are the most while"
            " somebody waits.",
            remedy="Send it as a batch job, POST /jobs, or take a smaller extent or a coarser grid.",
        )


def _facts_of(order: Mapping[str, Any], pinned: PinnedLoads) -> ResultFacts:
    return facts_of(order.get("identifier", ""), json.loads(order["graph"]), pinned)


def _as_json(made: Any) -> tuple[Any] | None:
    """Return what nobody wants as a file; None where it is too much for JSON."""
    if not isinstance(made, Computed):
        return (to_json(made) if isinstance(made, Values) else made,)
    cells = np.prod([len(each.labels) for each in made.hollow.dimensions], dtype=float)
    return (write_cube(made.whole()),) if cells <= _LARGEST_JSON else None


def _compute_inline(read: ReadGraph, order: Mapping[str, Any], tools: Tools) -> dict[str, Any]:
    """Compute a graph with cubes in it: these are small."""
    assert read.graph is not None  # it was read
    result = evaluate(read.graph, read.cubes, read.definitions, tools=tools)
    if isinstance(result, Saved) and result.format != "JSON":
        shutil.rmtree(_RESULTS, ignore_errors=True)
        folder = Path(_RESULTS)
        folder.mkdir()
        return _answer_with(write_saved(result, folder=folder, facts=_facts_of(order, {})))
    data = result.data if isinstance(result, Saved) else result
    if isinstance(data, Cube):
        return {"result": write_cube(data)}
    return {"result": to_json(data) if isinstance(data, Values) else data}


def _answer_with(files: Sequence[WrittenFile]) -> dict[str, Any]:
    path, media_type = pack(files, Path(_RESULTS))
    return {"file": {"path": path.as_posix(), "media_type": media_type}}


def _describe(faults: Sequence[Fault]) -> list[dict[str, str]]:
    return [asdict(fault) for fault in faults]


def _write(document: dict[str, Any]) -> bytes:
    return json.dumps(document, allow_nan=True, separators=(",", ":")).encode()


if __name__ == "__main__":
    serve(partial(answer, tools=Tools.of_child()))
