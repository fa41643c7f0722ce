"""The cases of openEO's own process tests: read from the shared contracts, computed through a graph of one node."""

import math
from pathlib import Path

import orjson
import pyjson5

from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.values import Values, to_json
from twinlake.standards.openeo.graph import parse_graph

WRONG = {
    ("array_append", 1),  # expects [1] of [] and 0
}
"""Cases of the suite that contradict the process they are of."""


def list_cases(directory: Path, process_id: str):
    """Yield number and content of each case of a process; none where its cases are held back."""
    path = directory / f"{process_id}.json5"
    if not path.exists():
        return
    for number, case in enumerate(pyjson5.loads(path.read_text())["tests"]):
        if (process_id, number) not in WRONG:
            yield number, case


def compute(process_id, arguments):
    """Return what a process makes of arguments, as JSON."""
    graph, faults = parse_graph({"one": {"process_id": process_id, "arguments": arguments, "result": True}})
    assert not faults, faults
    result = evaluate(graph, {})
    return to_json(result) if isinstance(result, Values) else result


def to_arguments(value):
    """Return arguments in JSON as clients send it."""
    match value:
        case {"type": "nodata"}:
            return None
        case {"type": "datetime", "value": text}:
            return text
        case {"from_argument": name}:
            return {"from_parameter": name}
        case dict():
            return {name: to_arguments(each) for name, each in value.items()}
        case list():
            return [to_arguments(each) for each in value]
        case _:
            return value


def has_cube(value):
    return '"datacube"' in orjson.dumps(value, default=str).decode() or "$ref" in str(value)


def is_same(found, expected, delta=None):
    """Tell whether two results are the same as the suite compares them."""
    if isinstance(expected, dict) and expected.get("type") == "labeled-array":
        pairs = [(pair["key"], pair["value"]) for pair in expected["data"]]
        given = [(pair["key"], pair["value"]) for pair in found["data"]] if isinstance(found, dict) else []
        return len(pairs) == len(given) and all(
            key == other and is_same(value, to_arguments(wanted), delta)
            for (key, value), (other, wanted) in zip(given, pairs, strict=True)
        )
    expected = to_arguments(expected)
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(is_same(one, other, delta) for one, other in zip(found, expected, strict=True))
        )
    if isinstance(expected, bool) or isinstance(found, bool) or expected is None or isinstance(expected, str):
        return found is expected if not isinstance(expected, str) else found == expected
    if not isinstance(found, int | float):
        return False
    if math.isnan(expected) or math.isnan(found):
        return math.isnan(expected) and math.isnan(found)
    return found == expected or math.isclose(found, expected, rel_tol=1e-10, abs_tol=delta or 1e-10)
