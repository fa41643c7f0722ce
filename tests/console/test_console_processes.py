"""What pages on processes say and write, and what they answer."""

import asyncio
import html
import json
import re

import httpx2
import pytest

from console.console_site import HOSTILE
from twinlake.console.processing.calls import make_graph, write_json, write_python
from twinlake.console.processing.trying import Expectation, Trials, is_same
from twinlake.console.processing.words import explain_work, write_type
from twinlake.console.prose import write_prose
from twinlake.engines.database import MemoryDatabase
from twinlake.identity.principals import ANONYMOUS, Principal
from twinlake.processing.openeo.computing import Computing
from twinlake.processing.openeo.definition_store import DefinitionStore
from twinlake.processing.openeo.registry import find_process, list_ids, list_processes
from twinlake.site.schema import MIGRATIONS

ABSOLUTE = {"process_graph": {"a": {"process_id": "absolute", "arguments": {"x": {"from_parameter": "x"}}, "result": True}}}
TWICE_USED = {
    "process_graph": {
        "a": {"process_id": "absolute", "arguments": {"x": {"from_parameter": "x"}}},
        "b": {"process_id": "add", "arguments": {"x": {"from_node": "a"}, "y": {"from_node": "a"}}, "result": True},
    }
}
CHAIN = {
    "process_graph": {
        "b": {
            "process_id": "if",
            "arguments": {"value": {"from_node": "a"}, "accept": [1, {"from_parameter": "index"}]},
            "result": True,
        },
        "a": {"process_id": "gt", "arguments": {"x": {"from_parameter": "x"}, "y": 1}},
    }
}


def run_in_client(process_id, arguments):
    """Return the graph that openEO's client makes of the Python for a call."""
    imported, call = write_python(process_id, arguments)
    names = {}
    exec(imported, names)
    return eval(call, names).flat_graph()


@pytest.mark.parametrize("process_id", [each.id for each in list_processes() if each.examples])
def test_the_python_of_examples_makes_the_same_graph_in_the_client(process_id):
    process = find_process(process_id)
    for arguments in [each["arguments"] for each in process.examples]:
        [node] = [each for each in run_in_client(process_id, arguments).values() if each["process_id"] == process_id]
        made = dict(node["arguments"])
        for name, value in arguments.items():
            if isinstance(value, dict) and "process_graph" in value:
                [called], [meant] = made.pop(name)["process_graph"].values(), value["process_graph"].values()
                assert called == meant
            else:
                assert made.pop(name) == value
        assert made == {}


@pytest.mark.filterwarnings("ignore:Blindly using callback parameter names")
@pytest.mark.parametrize(
    ("process_id", "arguments", "call"),
    [
        ("if", {"value": True, "accept": None}, "if_(value=True, accept=None)"),
        ("text_find", {"data": "a", "pattern": "b"}, "process('text_find', data='a', pattern='b')"),
        ("add", {"x y": 1, "class": "'"}, "process('add', {'x y': 1, 'class': \"'\"})"),
        ("array_apply", {"data": [1], "process": ABSOLUTE}, "array_apply(data=[1], process=lambda x: absolute(x=x))"),
        (
            "array_apply",
            {"data": [1], "process": CHAIN},
            "array_apply(\n  data=[1],\n  process=lambda index, x: if_(value=gt(x=x, y=1), accept=[1, index]),\n)",
        ),
    ],
)
def test_calls_are_written_as_people_write_them(process_id, arguments, call):
    assert write_python(process_id, arguments)[1] == call
    assert run_in_client(process_id, arguments)


@pytest.mark.parametrize(
    "callback",
    [
        TWICE_USED,
        {"process_graph": {}},
        {"process_graph": {"a": {"process_id": "b", "arguments": {"x": {"from_parameter": "no name"}}, "result": True}}},
        {"process_graph": {"a": {"process_id": "b", "namespace": "me", "arguments": {}, "result": True}}},
        {"process_graph": 3},
    ],
)
def test_what_is_no_plain_expression_stands_as_it_is(callback):
    imported, call = write_python("array_apply", {"data": [], "process": callback})
    assert imported == "from openeo.processes import array_apply"
    names = {"array_apply": lambda **given: given}
    assert eval(call, names) == {"data": [], "process": callback}


@pytest.mark.parametrize(
    "value",
    [
        None, True, -1, 1e300, 0.1, "", "'\"\\ \n\u2028é", [], {}, [[]], [{"a b": {"c": [None, "x" * 90, 1.5]}}],
        {"long": ["word " * 5] * 9, "'": [[number] * 9 for number in range(9)]}, [True, None] * 40, list(range(99)),
    ],
)  # fmt: skip
def test_json_and_python_say_what_they_were_made_of(value):
    assert json.loads(write_json(value)) == value
    _, call = write_python("add", {"x": {"y": value}, "z": value})
    assert eval(call, {"add": lambda **given: given}) == {"x": {"y": value}, "z": value}


def test_lines_are_short_where_they_can_be():
    text = write_json(make_graph("mean", {"data": list(range(400))}))

    assert max(map(len, text.splitlines())) < 90
    assert len(text.splitlines()) < 40


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [(1, 1.0, True), (1, True, False), (0.1 + 0.2, 0.3, True), (float("nan"), float("nan"), True), (None, 0, False),
     ([1, 2], [1], False), ({"a": [1]}, {"a": [1.0]}, True), ({"a": 1}, {"b": 1}, False), ("a", "a", True), (1, "1", False)],
)  # fmt: skip
def test_results_are_compared_but_for_last_digits(one, other, same):
    assert is_same(one, other) is same


def test_every_type_and_kind_has_words():
    for process in list_processes():
        for schema in (process.returns, *(each.schema for each in process.parameters)):
            assert "None" not in write_type(schema)
        name, meaning = explain_work(process)
        assert name
        assert meaning.endswith(".")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": ["null", "number"], "minimum": 0, "maximum": 1}, "number (at least 0 and at most 1) or null"),
        ({"type": "array", "items": {"type": ["number", "null"]}}, "array of numbers or null"),
        ([{"type": "string", "enum": ["a", "b"]}, {"type": "boolean", "const": True}], "one of `a`, `b` or `true`"),
        ({"type": "object", "subtype": "datacube", "dimensions": [{"type": "spatial", "axis": ["x", "y"]}, {"type": "temporal"}]}, "cube with x, y and time"),
        ({"description": "Anything."}, "anything"),
    ],
)  # fmt: skip
def test_types_are_said_in_words(schema, words):
    assert write_type(schema) == words


def test_descriptions_have_code_and_emphasis_and_no_markup_of_their_own():
    assert write_prose("Of `a<b>` and *e*, 2 * 3 * 4.\n\n<b>") == (
        "Of <code>a&lt;b&gt;</code> and <em>e</em>, 2 * 3 * 4.</p><p>&lt;b&gt;"
    )


async def test_a_site_that_is_busy_says_so_and_what_to_do():
    computing = Computing([], inputs=None, ledger=None, inline_cubes=False)  # nothing is loaded, nor computed
    others = [asyncio.create_task(computing.compute(b"{}", {}, ANONYMOUS, identifier="")) for _ in range(16)]
    await asyncio.sleep(0)  # they begin, and wait for children that are not there
    async with MemoryDatabase(migrations=MIGRATIONS) as database:
        trials = Trials(computing=computing, defined=DefinitionStore(database))
        outcome = await trials.run(
            "add", '{"x": 1, "y": 2}', ANONYMOUS, Principal("site", "me"), expected=Expectation(arguments={})
        )
    for each in others:
        each.cancel()
    await asyncio.gather(*others, return_exceptions=True)

    assert outcome.status == 503
    [problem] = outcome.problems
    assert (problem.code, problem.message) == ("InfrastructureBusy", "Too many graphs of yours are waiting.")
    assert problem.remedy.startswith("Try again")


@pytest.mark.slow
class TestPages:
    """What the site answers."""

    @pytest.fixture
    def client(self, site):
        with httpx2.Client(base_url=site.url, headers={"accept": "text/html", "origin": site.url}, timeout=60) as client:
            client.post("/sign-in", data={"token": site.token})
            yield client

    @pytest.fixture
    def run(self, client):
        form_token = re.search(r'name="form_token" value="([^"]+)"', client.get("/processing/processes/clip").text)[1]

        def run(process_id, arguments, example=1, **more):
            data = {"form_token": form_token, "example": str(example), "arguments": arguments, **more}
            return client.post(f"/processing/processes/{process_id}", data=data)

        return run

    def test_all_processes_are_listed_once_with_their_pages(self, site):
        page = site.get("/processing/processes").text
        linked = re.findall(r'href="/processing/processes/(\w+)"', page)

        assert sorted(linked) == list_ids()
        assert f"{len(linked)} processes" in page
        assert page.count('badge warn">experimental') == sum(each.is_experimental for each in list_processes())
        assert 'href="/processing/processes" aria-current="page"' in page

    def test_who_guesses_the_address_of_processing_is_led_there(self, site):
        answer = site.get("/processing")
        assert (answer.status_code, answer.headers["location"]) == (303, "/processing/processes")

    @pytest.mark.parametrize(
        ("question", "found"),
        [
            ("q=clip", ["clip"]),
            ("q=NOT+a+Number+invalid", []),
            ("q=absolute+value", ["absolute"]),
            ("category=math+%3E+cumulative", ["cummax", "cummin", "cumproduct", "cumsum"]),
            ("category=math+%3E+cumulative&q=sum", ["cumsum"]),
            ("q=%3Cscript%3E&category=%22%3E%3Cb%3E", []),
        ],
    )
    def test_words_and_categories_choose(self, site, question, found):
        page = site.get(f"/processing/processes?{question}").text

        assert re.findall(r'href="/processing/processes/(\w+)"', page) == found
        assert f"{len(found)} of {len(list_ids())} processes" in page
        assert "<script>" not in page
        assert found or "No process has these words" in page

    @pytest.mark.parametrize("process_id", list_ids())
    def test_every_process_has_a_page_with_its_parameters_and_errors(self, site, process_id):
        answer = site.get(f"/processing/processes/{process_id}")
        page, process = answer.text, find_process(process_id)

        assert answer.status_code == 200
        for each in process.parameters:
            assert f"<code>{each.name}</code>" in page
        for code in process.exceptions:
            assert f"<code>{code}</code>" in page
        assert page.count("Sign in to run it") == (len(process.examples) or not process.parameters)

    def test_what_is_most_like_a_process_is_named_beside_it(self, site):
        page = site.get("/processing/processes/aggregate_spatial_weighted").text
        related = re.findall(r'<li><a class="mono" href="[^"]+" title="[^"]+">(\w+)</a>', page)

        assert related[:2] == ["aggregate_spatial", "aggregate_spatial_window"]
        assert len(related) == 12

    def test_a_process_that_is_not_there_is_told_on_a_page(self, site):
        answer = site.get("/processing/processes/%3Cscript%3E")

        assert answer.status_code == 404
        assert "<script>" not in answer.text
        assert "&lt;script&gt;" in answer.text

    @pytest.mark.parametrize("process_id", ["clip", "array_apply", "quantiles", "text_concat", "date_shift", "pi"])
    def test_examples_run_as_expected(self, run, process_id):
        for number in range(1, len(find_process(process_id).examples) + 1):
            answer = run(process_id, json.dumps(find_process(process_id).examples[number - 1]["arguments"]), number)

            assert answer.status_code == 200
            assert answer.text.count('badge good">as expected') == 1

    def test_other_arguments_run_and_are_compared_with_nothing(self, run):
        answer = run("clip", '{"x": 7, "min": 1, "max": 2.5}', 2).text

        assert "clip(x=7, min=1, max=2.5)" in answer
        assert "as expected" not in answer
        assert 'aria-label="Result of example 2">2.5</pre>' in answer

    def test_infinity_and_not_a_number_are_shown(self, run):
        assert 'aria-label="Result of example 1">NaN</pre>' in run("nan", "{}").text
        assert ">-Infinity</pre>" in run("ln", '{"x": 0}').text

    @pytest.mark.parametrize(
        ("arguments", "code", "told"),
        [
            ('{"x": 1, "min": 5, "max": 2}', "MinMaxSwapped", "Change the arguments"),
            ('{"x": 1, "min": 5}', "ProcessParameterRequired", "see under Parameters"),
            ('{"x": 1, "min": "a", "max": 2}', "ProcessParameterInvalid", "See under Parameters"),
            ('{"x": 1, "min": 1, "max": 2, "y": 3}', "ProcessParameterUnsupported", "Leave it out"),
            ('{"x": 1', "ProcessInvalid", "brackets do not close"),
            ('{"x": 1,}', "ProcessInvalid", "not JSON"),
            ("[1]", "ProcessInvalid", "no object"),
            ("", "ProcessInvalid", "not JSON"),
            ("[" * 30_000 + "]" * 30_000, "ProcessInvalid", "nested too deeply"),
            (json.dumps({"x": "x" * 70_000}), "ProcessInvalid", "more than 64 KiB"),
        ],
    )
    def test_what_is_wrong_is_told_with_its_code_and_what_to_do(self, run, arguments, code, told):
        answer = run("clip", arguments)

        assert answer.status_code == 400
        assert f'<strong class="mono">{code}</strong>' in answer.text
        assert told in html.unescape(answer.text)

    def test_a_result_without_end_is_cut(self, run):
        answer = run("array_create", '{"data": [1, 2, 3], "repeat": 50000}').text

        assert len(answer) < 100_000
        assert "1,2,3 …</pre>" in answer or " …</pre>" in answer

    def test_hostile_arguments_are_shown_as_text(self, run):
        for arguments in (json.dumps({"x": HOSTILE, HOSTILE: [HOSTILE]}), HOSTILE, "</textarea><script>window.hacked=1</script>"):
            text = run("clip", arguments).text
            assert "<script>window" not in text
            assert "<img" not in text
            assert arguments in html.unescape(text)

    def test_callbacks_call_processes_of_ones_own(self, site, run):
        graph = {"n": {"process_id": "add", "arguments": {"x": {"from_parameter": "x"}, "y": 10}, "result": True}}
        own = {"process_graph": graph, "parameters": [{"name": "x", "description": "", "schema": {}}]}
        kept = httpx2.put(f"{site.url}/openeo/1.2/process_graphs/add_ten", headers=site.bearer, json=own)
        call = {"c": {"process_id": "add_ten", "arguments": {"x": {"from_parameter": "x"}}, "result": True}}

        assert kept.status_code == 200
        answer = run("array_apply", json.dumps({"data": [1, 2], "process": {"process_graph": call}})).text
        assert 'aria-label="Result of example 1">[11, 12]</pre>' in answer

    def test_nothing_is_run_for_another_page_or_for_nobody(self, site, client, run):
        arguments = '{"x": 1, "min": 0, "max": 2}'

        assert run("clip", arguments, form_token="forged").status_code == 403
        assert run("clip", arguments, example=9).status_code == 400
        assert run("clip", arguments, example="²").status_code == 400
        nobody = httpx2.post(
            f"{site.url}/processing/processes/clip", headers={"accept": "text/html"}, data={"arguments": arguments}
        )
        assert nobody.status_code == 401
        assert "Sign in" in nobody.text

    def test_a_token_that_may_not_compute_is_told_so(self, site):
        asked = {"name": "t", "owner": "urn:twinlake:site:central|mara", "scopes": ["search"]}
        token = httpx2.post(f"{site.url}/api/tokens", headers=site.bearer, json=asked).json()["token"]
        with httpx2.Client(base_url=site.url, headers={"accept": "text/html", "origin": site.url}) as client:
            client.post("/sign-in", data={"token": token})
            page = client.get("/processing/processes/clip").text

        assert "it lacks the scope process" in page
        assert '<button type="submit">Run' not in page
