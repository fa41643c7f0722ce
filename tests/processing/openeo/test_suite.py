"""Every process does what openEO's own tests of it say, and is described as openEO describes it."""

import orjson
import pytest

from processing.openeo.suite import compute, is_same, list_cases, to_arguments
from twinlake.processing.openeo.process import REQUIRED
from twinlake.processing.openeo.registry import find_process, list_ids, list_processes
from twinlake.standards.openeo.errors import OpenEoError

OWN = frozenset({"aggregate_spatial_weighted"})
"""Processes that openEO does not have."""
WIDER = frozenset({("apply_polygon", "geometries")})
"""Parameters that take more than openEO says: its Python client sends GeoJSON here, as it does to `mask_polygon`."""


@pytest.fixture
def contracts(shared):
    return shared / "contracts/openeo/processes"


@pytest.mark.parametrize("process_id", list_ids())
def test_results_are_those_of_the_suite(contracts, process_id):
    wrong = []
    for number, case in list_cases(contracts / "tests", process_id):
        try:
            found = compute(process_id, to_arguments(case["arguments"], contracts / "tests"))
        except OpenEoError as error:
            if not case.get("throws"):
                wrong.append((number, case["arguments"], case.get("returns"), error.message))
            continue
        if "returns" not in case or not is_same(found, case["returns"], case.get("delta"), contracts / "tests"):
            wrong.append((number, case["arguments"], case.get("returns", "an error"), found))
    assert not wrong


@pytest.mark.parametrize("process_id", list_ids())
def test_a_process_is_described_as_its_standard_has_it(contracts, process_id):
    if process_id in OWN:
        pytest.skip("openEO does not have it")
    found = [path for path in (contracts / f"{process_id}.json", contracts / f"proposals/{process_id}.json") if path.exists()]
    if not found:
        pytest.skip("its description is held back")
    standard, own = orjson.loads(found[0].read_bytes()), find_process(process_id).describe()

    assert [each["name"] for each in own["parameters"]] == [each["name"] for each in standard["parameters"]]
    for mine, theirs in zip(own["parameters"], standard["parameters"], strict=True):
        if (process_id, mine["name"]) in WIDER:
            assert bare(theirs["schema"]) in bare(mine["schema"]), mine["name"]
        else:
            assert bare(mine["schema"]) == bare(theirs["schema"]), mine["name"]
        assert mine.get("optional", False) == theirs.get("optional", False), mine["name"]
        assert mine.get("default") == theirs.get("default"), mine["name"]
    assert bare(own["returns"]["schema"]) == bare(standard["returns"]["schema"])
    assert own.get("exceptions", {}).keys() == standard.get("exceptions", {}).keys()
    assert own["categories"] == standard["categories"]


@pytest.mark.parametrize("process_id", list_ids())
def test_examples_are_true(process_id):
    process = find_process(process_id)
    assert len(process.summary) <= 60
    for example in process.examples:
        assert is_same(compute(process_id, example["arguments"]), example["returns"]), example


def test_every_process_is_found_by_its_id_and_takes_what_it_says():
    for process in list_processes():
        assert find_process(process.id) is process
        names = [each.name for each in process.parameters]
        assert len(set(names)) == len(names)
        required = [each.default is REQUIRED for each in process.parameters]
        assert required == sorted(required, reverse=True), "what must be given stands first"


def bare(schema):
    """Return a schema without its words."""
    if isinstance(schema, list):
        return [bare(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    words = {"title", "description", "examples"}
    return {key: bare(value) for key, value in schema.items() if key not in words or not isinstance(value, str | list)}
