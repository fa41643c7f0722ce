"""The cases of openEO's own process tests: read from the shared contracts, computed through a graph of one node."""

import math
from pathlib import Path

import numpy as np
import pyjson5

from twinlake.processing.openeo.cubes import Cube, read_cube, write_cube
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.registry import find_process
from twinlake.processing.openeo.values import Values, to_json
from twinlake.standards.openeo.graph import parse_graph

WRONG = {
    ("aggregate_temporal", 5),  # the intervals are months before all data
    ("aggregate_temporal", 6),  # so are these
    ("aggregate_temporal", 7),  # and these
    ("aggregate_temporal", 8),  # and these
    ("aggregate_temporal", 9),  # labels stand within the reducer
    ("aggregate_temporal", 10),  # expects medians of a mean
    ("aggregate_temporal_period", 3),  # expects days for hours
    ("aggregate_temporal_period", 4),  # expects labels of hours for days, and a day that is not there for one that is
    ("aggregate_temporal_period", 8),  # the dimension is called otherwise
    ("aggregate_temporal_period", 9),  # here, too
    ("any", 8),  # expects false of [null] with ignore_nodata false, where the description and its example say null
    ("apply", 2),  # expects ten times 165 where the cube has no data
    ("apply_dimension", 1),  # expects quantiles of 165, too, where the cube has no data
    ("apply_dimension", 2),  # along a dimension that is not there
    ("array_append", 0),  # expects [1] of [] and 0
    ("array_apply", 5),  # expects a plain array of one with labels, contrary to case 7
    ("array_apply", 6),  # the same
    ("array_apply", 8),  # calls a process "mulitply"
    ("array_element", 3),  # asks for the label BO2 (a letter O) where B02 (a digit) is
    ("array_modify", 3),  # removes an element with the default of length, which is 0
    ("count", 4),  # the condition is no process graph and has a parameter "element"
    ("count", 5),  # the same
    ("lte", 15),  # expects infinity not to be at most infinity, contrary to eq and to IEEE 754
    ("mask", 0),  # replaces where the mask is zero
    ("mask", 1),  # its cube is not there
    ("mask", 2),  # replaces where the mask is zero
    ("product", 10),  # expects NaN of infinity times minus infinity, which is minus infinity in IEEE 754
    ("rename_dimension", 3),  # the dimensions x and y changed places
    ("rename_dimension", 4),  # so did they here
    ("rename_labels", 5),  # gives the new names as source
    ("rename_labels", 7),  # so does this
}
"""Cases of the suite that contradict the process they are of."""


def list_cases(directory: Path, process_id: str):
    """Yield number and content of each case of a process that can be computed; none where its cases are held back."""
    path = directory / f"{process_id}.json5"
    if not path.exists():
        return
    for number, case in enumerate(pyjson5.loads(path.read_text())["tests"]):
        is_offered = all(find_process(each) is not None for each in case.get("required", ()))
        if is_offered and (process_id, number) not in WRONG:
            yield number, case


def compute(process_id, arguments):
    """Return what a process makes of arguments, as JSON; cubes in them are given to the graph as parameters."""
    cubes = {}
    graph, faults = parse_graph({"one": {"process_id": process_id, "arguments": _lift(arguments, cubes), "result": True}})
    assert not faults, faults
    result = evaluate(graph, cubes)
    if isinstance(result, Cube):
        return write_cube(result)
    return to_json(result) if isinstance(result, Values) else result


def _lift(value, cubes):
    match value:
        case {"type": "datacube"}:
            name = f"cube{len(cubes)}"
            cubes[name] = read_cube(value)
            return {"from_parameter": name}
        case dict():
            return {name: _lift(each, cubes) for name, each in value.items()}
        case list():
            return [_lift(each, cubes) for each in value]
        case _:
            return value


def to_arguments(value, directory=None):
    """Return arguments in JSON as clients send it."""
    match value:
        case {"$ref": name}:
            text = (directory / name).read_text()
            return to_arguments(pyjson5.loads(text), directory) if name.endswith(".json5") else text
        case {"type": "datacube", "data": data}:
            shape = [len(value["dimensions"][name]["values"]) for name in value.get("order", value["dimensions"])]
            nothing = {value.get("nodata")} - {None}
            return value | {"data": _nodata_as_null(data, nothing) if data is not None else np.full(shape, None).tolist()}
        case {"type": "nodata"}:
            return None
        case {"type": "datetime", "value": text}:
            return text
        case {"from_argument": name}:
            return {"from_parameter": name}
        case dict():
            return {name: to_arguments(each, directory) for name, each in value.items()}
        case list():
            return [to_arguments(each, directory) for each in value]
        case _:
            return value


def _nodata_as_null(data, nothing):
    """Return nested lists with null where a cube of the suite has NaN, or what it says is no data."""
    if isinstance(data, list):
        return [_nodata_as_null(each, nothing) for each in data]
    return None if data in nothing or (isinstance(data, float) and math.isnan(data)) else data


def is_same(found, expected, delta=None, directory=None):
    """Tell whether two results are the same as the suite compares them."""
    if isinstance(expected, dict) and expected.get("type") == "labeled-array":
        pairs = [(pair["key"], pair["value"]) for pair in expected["data"]]
        given = [(pair["key"], pair["value"]) for pair in found["data"]] if isinstance(found, dict) else []
        return len(pairs) == len(given) and all(
            key == other and is_same(value, to_arguments(wanted), delta)
            for (key, value), (other, wanted) in zip(given, pairs, strict=True)
        )
    is_shape = isinstance(expected, dict) and expected.get("data", 0) is None
    expected = to_arguments(expected, directory)
    if isinstance(expected, dict) and expected.get("type") == "datacube":
        return _is_same_cube(found, expected, delta, is_shape=is_shape)
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and found.keys() == expected.keys()
            and all(is_same(found[name], each, delta) for name, each in expected.items())
        )
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


def _is_same_cube(found, expected, delta, *, is_shape):
    """Tell whether two cubes have the same dimensions, labels and values, in whatever order of dimensions.

    A case of which the data are null looks at dimensions and labels alone.
    """
    if found["dimensions"].keys() != expected["dimensions"].keys():
        return False
    for name, wanted in expected["dimensions"].items():
        given = found["dimensions"][name]
        if any(given.get(member) != value for member, value in wanted.items()):
            return False
    if is_shape:
        return True
    shape = [len(found["dimensions"][name]["values"]) for name in found["order"]]
    data = np.array(found["data"], dtype=object).reshape(shape or -1)
    order = [found["order"].index(name) for name in expected["order"]]
    flat = np.transpose(data, order).ravel().tolist() if order else data.ravel().tolist()
    return is_same(flat, np.array(expected["data"], dtype=object).ravel().tolist(), delta)
