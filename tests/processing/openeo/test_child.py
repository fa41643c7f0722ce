"""What the computing child answers, whatever it is sent."""

import json

import pytest

from twinlake.processing.openeo.answers import read_answer
from twinlake.processing.openeo.child import answer

CUBE = {"type": "datacube", "order": ["x"], "dimensions": {"x": {"type": "spatial", "values": [1]}}, "data": [5]}


def ask(graph, *, do="compute", **more):
    order = {"do": do, "graph": graph if isinstance(graph, str) else json.dumps(graph), "parameters": [], "definitions": {}}
    return json.loads(answer(json.dumps({**order, "inline_cubes": False, "runs_code": True, **more}).encode()))


def one(process_id, **arguments):
    return {"n": {"process_id": process_id, "arguments": arguments, "result": True}}


def test_a_result_that_is_no_number_is_told_as_such():
    assert str(ask(one("sqrt", x=-1))["result"]) == "nan"


def test_a_failure_has_the_code_of_the_process():
    found = ask(one("array_element", data=[1], index=5))

    assert found["error"]["code"] == "ArrayElementNotAvailable"


@pytest.mark.parametrize("graph", ["", "{", "[]", "null", '{"a": 1}', json.dumps(one("nosuch"))])
def test_what_is_no_graph_has_faults(graph):
    assert ask(graph)["faults"]
    assert ask(graph, do="check")["faults"]


def test_a_check_of_a_good_graph_finds_nothing():
    assert ask(one("add", x=1, y={"from_parameter": "p"}), do="check", parameters=["p"]) == {"faults": []}


def test_cubes_stand_in_graphs_only_where_they_may():
    graph = one(
        "reduce_dimension", data=CUBE, dimension="x", reducer={"process_graph": one("mean", data={"from_parameter": "data"})}
    )

    assert ask(graph, inline_cubes=True)["result"]["data"] == 5
    assert ask(graph)["error"]["code"] == "ProcessParameterInvalid"


def test_a_cube_that_is_none_is_told():
    broken = one("reduce_dimension", data=CUBE | {"data": [1, 2]}, dimension="x", reducer={"process_graph": one("pi")})

    assert ask(broken, inline_cubes=True)["error"]["code"] == "ProcessParameterInvalid"


def test_a_saved_cube_is_its_json_or_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ask(one("save_result", data=CUBE, format="json"), inline_cubes=True)["result"]["data"] == [5]
    made = ask(one("save_result", data=CUBE, format="Parquet"), inline_cubes=True)["file"]
    assert made == {"path": "results/result.parquet", "media_type": "application/vnd.apache.parquet"}
    assert (tmp_path / made["path"]).read_bytes()[:4] == b"PAR1"
    assert ask(one("save_result", data=CUBE, format="GTiff"), inline_cubes=True)["error"]["code"] == "FormatUnsuitable"


def test_a_mistake_of_a_process_costs_its_graph_alone(monkeypatch):
    def mistaken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("twinlake.processing.openeo.child.plan_graph", mistaken)

    found = ask(one("pi"))
    assert found["error"]["code"] == "Internal"
    assert found["trace"].rstrip().endswith("ZeroDivisionError")


def test_where_a_mistake_was_made_is_for_the_log_of_the_site_alone(caplog):
    error = {"code": "Internal", "message": "A process made a mistake.", "node": ""}
    told = read_answer(json.dumps({"error": error, "trace": "in mean.py, line 7"}).encode())

    assert told == {"error": error}
    assert "in mean.py, line 7" in caplog.text
    assert read_answer(b'{"result": 1}') == {"result": 1}


def test_a_cube_without_dimensions_is_computed_in_tiles_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = ask(one("create_data_cube"))["result"]

    assert (found["order"], found["data"]) == ([], [])
