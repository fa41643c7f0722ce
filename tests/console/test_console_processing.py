"""What pages on openEO's jobs and maps say and do, over HTTP; graphs as steps and as code."""

import html
import json
import re
from dataclasses import replace

import httpx2
import pytest

from console.console_site import HOSTILE
from twinlake.console.processing.batches import describe_log, say_what_is_done
from twinlake.console.processing.costs import write_cost
from twinlake.console.processing.steps import read_steps
from twinlake.jobs.models import Failure, Job, JobState, LogLine, Progress, Usage
from twinlake.processing.openeo.quotas.tariff import Tariff


def node(process_id, *, result=False, **arguments):
    return {"process_id": process_id, "arguments": arguments, **({"result": True} if result else {})}


def callback(process_id, **arguments):
    return {"process_graph": {"a": node(process_id, result=True, **arguments)}}


MEAN = callback("mean", data={"from_parameter": "data"})
GRAPH = {
    "save": node("save_result", result=True, data={"from_node": "mean"}, format="GTiff"),
    "mean": node("reduce_dimension", data={"from_node": "load"}, dimension="t", reducer=MEAN),
    "load": node("load_collection", id="sst", spatial_extent=None, temporal_extent=["2021-01-01", "2021-04-01"]),
}
EVIL = {
    HOSTILE: node("add", x=[{"from_node": "b"}, HOSTILE], y={"of": {"from_node": "b"}}),
    "b": node("array_create", data=[HOSTILE] * 40),
    "c": {**node(HOSTILE, result=True, data={"from_node": HOSTILE}), "namespace": HOSTILE},
}


def steps_of(graph):
    return read_steps(json.dumps({"process_graph": graph}).encode())


def make_anew(script):
    """Return the graph that openEO's client makes of a script."""
    imported, steps, result = script
    names = {}
    exec(f"{imported}\n{steps}", names)
    return names[result].flat_graph()


def test_steps_are_in_the_order_in_which_they_are_done():
    shown = steps_of(GRAPH)

    assert [(each["number"], each["process"], each["is_known"]) for each in shown.steps] == [
        (1, "load_collection", True), (2, "reduce_dimension", True), (3, "save_result", True),
    ]  # fmt: skip
    reduce = {each["name"]: each for each in shown.steps[1]["arguments"]}
    assert reduce["data"]["sources"] == [1]
    assert reduce["reducer"]["text"] == "lambda data: mean(data=data)"
    assert [each["is_result"] for each in shown.steps] == [False, False, True]


def test_the_script_of_a_graph_makes_the_same_graph_in_the_client():
    made = make_anew(steps_of(GRAPH).script)

    by_process = {each["process_id"]: each["arguments"] for each in made.values()}
    assert by_process["load_collection"] == GRAPH["load"]["arguments"]
    assert by_process["save_result"]["data"] == {"from_node": "reducedimension1"}
    [reducer] = by_process["reduce_dimension"]["reducer"]["process_graph"].values()
    assert reducer == MEAN["process_graph"]["a"]


def test_results_of_other_steps_stand_within_arguments_too():
    graph = {"a": node("pi"), "b": node("sum", result=True, data=[1, {"x": {"from_node": "a"}}, {"from_node": "a"}])}
    shown = steps_of(graph)

    assert [(each["text"], each["sources"]) for each in shown.steps[1]["arguments"]] == [
        ("[1, {'x': step_1}, step_1]", [1]),
    ]  # fmt: skip
    assert make_anew(shown.script)["sum1"]["arguments"]["data"] == [1, {"x": {"from_node": "pi1"}}, {"from_node": "pi1"}]


@pytest.mark.parametrize(
    "graph",
    [
        {"a": {**node("pi", result=True), "namespace": "me"}},
        {"a": node("add", result=True, x={"from_parameter": "x"}, y=1)},
        {f"n{number}": node("array_create", data=["x" * 900], result=number == 99) for number in range(100)},
    ],
)
def test_a_graph_that_is_no_plain_script_has_none(graph):
    assert steps_of(graph).script is None


def test_what_is_no_graph_is_told():
    shown = steps_of({"a": node("add", result=True, x={"from_node": "b"})})

    assert "b" in shown.problem
    assert not shown.steps
    assert not steps_of({}).steps


def test_of_a_graph_with_very_many_steps_the_first_are_listed():
    graph = {f"n{number}": node("pi", result=number == 299) for number in range(300)}
    shown = steps_of(graph)

    assert (len(shown.steps), shown.more) == (200, 100)


class Person:
    """Somebody who is signed in on the console."""

    def __init__(self, site):
        self.api = httpx2.Client(base_url=f"{site.url}/openeo/1.2", headers=site.bearer, timeout=120)
        self.pages = httpx2.Client(base_url=site.url, headers={"accept": "text/html", "origin": site.url}, timeout=120)
        self.pages.post("/sign-in", data={"token": site.token, "next": "/"})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.api.close()
        self.pages.close()

    def make_job(self, graph, **more):
        answer = self.api.post("/jobs", json={"process": {"process_graph": graph}, **more})
        return answer.headers["openeo-identifier"]

    def run_job(self, job):
        self.press(self.read(f"/processing/jobs/{job}"), f"/processing/jobs/{job}/start")
        work = re.search(r'data-address="([^"]+)"', self.read(f"/processing/jobs/{job}"))[1]
        with self.pages.stream("GET", f"{work}/events") as events:
            events.read()  # until the job has ended

    def read(self, path, status=200):
        answer = self.pages.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    def press(self, page, action, **fields):
        [token] = set(re.findall(r'name="form_token" value="([^"]+)"', page))
        return self.pages.post(action, data={"form_token": token, **fields})


@pytest.fixture(scope="module")
def person(site):
    with Person(site) as person:
        yield person


@pytest.mark.parametrize("path", ["/processing/jobs", "/processing/jobs/nothing", "/processing/maps", "/processing/maps/x"])
def test_who_is_not_signed_in_is_sent_to_sign_in(site, path):
    answer = site.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=")


def test_what_there_is_not_is_said(person):
    assert "nothing" in person.read("/processing/jobs/nothing", 404)
    assert "nothing" in person.read("/processing/maps/nothing", 404)


def test_a_job_that_was_not_started_tells_what_it_will_take_and_is_deleted(person):
    job = person.make_job(GRAPH, title="Mean of a quarter", description="Of the sea.")
    page = person.read(f"/processing/jobs/{job}")
    text = html.unescape(re.sub(r"<[^>]+>", " ", page))

    assert "Mean of a quarter" in person.read("/processing/jobs")
    for words in (
        "not started",
        "Of the sea.",
        "about 2 s; between 1 s and 4 s",
        "in about 1 tile",
        "\N{MULTIPLICATION SIGN} 1 band \N{MULTIPLICATION SIGN}",
        "EUR",
        "lambda data: mean(data=data)",
        "step 1",
    ):
        assert words in text
    assert 'href="/processing/processes/reduce_dimension"' in page
    assert "connection.create_job(step_3, title='Mean of a quarter')" in text
    assert person.pages.post(f"/processing/jobs/{job}/delete", data={}).status_code == 403
    answer = person.press(page, f"/processing/jobs/{job}/delete")
    assert (answer.status_code, answer.headers["location"]) == (303, "/processing/jobs")
    person.read(f"/processing/jobs/{job}", 404)


def test_a_job_that_cannot_be_started_says_why(person):
    job = person.make_job(EVIL, title=HOSTILE, description=HOSTILE)
    page = person.read(f"/processing/jobs/{job}")
    answer = person.press(page, f"/processing/jobs/{job}/start")

    assert answer.status_code == 400
    assert "There is no process" in answer.text
    for each in (page, answer.text, person.read("/processing/jobs")):
        assert "<script>window" not in each
        assert "<img src=x" not in each
    person.press(page, f"/processing/jobs/{job}/delete")


def test_a_job_that_has_failed_says_why_and_at_which_step(person):
    job = person.make_job({"first": node("array_element", result=True, data=[1], index=5)})
    person.run_job(job)
    page = person.read(f"/processing/jobs/{job}")

    assert ">failed</span>" in page
    assert re.search(r"error +first: ", html.unescape(page))
    assert "Run again" in page
    assert "takes a result that is the same" not in page
    assert "for line in job.logs(" in html.unescape(page)
    assert "download_files" not in page
    person.press(page, f"/processing/jobs/{job}/delete")
    person.read(f"/processing/jobs/{job}", 404)


def test_what_a_finished_job_warned_of_stands_above_its_results(person):
    graph = {"of": node("array_create", data=[3, 1, 4])}
    for number in range(5):
        data = {"from_node": f"warn{number - 1}" if number else "of"}
        graph[f"warn{number}"] = node("inspect", data=data, level="warning", message=f"Look at {min(number, 3)}{HOSTILE}")
    job = person.make_job({**graph, "save": node("save_result", result=True, data={"from_node": "warn4"}, format="JSON")})
    assert "Warnings" not in person.read(f"/processing/jobs/{job}")
    person.run_job(job)
    page = person.read(f"/processing/jobs/{job}")

    above = html.unescape(page[page.index('aria-label="Warnings"') : page.index('id="shown-title"')])
    assert [f"Look at {number}" in above for number in range(4)] == [True, True, True, False]
    assert "1 more in the log" in above
    assert not re.search(r"Data read|packed|0 B", page)
    assert "<script>window" not in page
    person.press(page, f"/processing/jobs/{job}/delete")


def test_a_job_that_took_an_equal_result_says_so(person):
    graph = {"mean": node("mean", result=True, data=[1, 2, 6, 31])}
    jobs = [person.make_job(graph, title=title) for title in ("First", "Second")]
    for job in jobs:
        person.run_job(job)
    first, second = (html.unescape(person.read(f"/processing/jobs/{job}")) for job in jobs)

    assert "Nothing. The result of an equal job was taken." in second
    assert "equal job" not in first
    listed = person.read("/jobs")
    for job, title in zip(jobs, ("First", "Second"), strict=True):  # they share one run
        [work] = re.findall(r'data-address="/jobs/(\w+)"', person.read(f"/processing/jobs/{job}"))
        assert f'<a href="/jobs/{work}">{title}</a>' in listed
        assert f"<h1>{title} " in person.read(f"/jobs/{work}")
    assert "Queued. It will take about" in first


def work_of(state, *, error=None, progress=None):
    return Job(
        id="j", owner="o", project=None, collection=None, api="openeo", kind="openeo", state=state, run="r", cost=None,
        quota_reservation=None, progress=progress or Progress(), attempts=1, usage=Usage(), has_result=False, error=error, created_at=0,
        started_at=0, finished_at=3_000_000, updated_at=3_000_000,
    )  # fmt: skip


def test_a_job_whose_tiles_are_computed_writes_its_results():
    told = {
        (state, done): say_what_is_done(work_of(state, progress=Progress(done, 20, "tiles")))
        for state in (JobState.RUNNING, JobState.SUCCESSFUL)
        for done in (3, 20)
    }

    assert {key for key, text in told.items() if text == "Writing the results"} == {(JobState.RUNNING, 20)}
    assert say_what_is_done(work_of(JobState.ACCEPTED)) == ""


def test_why_a_job_failed_stands_in_its_log_though_its_child_could_not_tell():
    failure = Failure(code="Memory", message="It took more memory than it may have.", remedy="Ask for less.")
    work = work_of(JobState.FAILED, error=failure)
    told = LogLine(1, 0, "info", "Started.")

    texts = [each["text"] for each in describe_log(work, [told])]
    assert texts == ["00:00:00 info    Started.", f"00:00:03 error   {failure.message} {failure.remedy}"]
    assert len(describe_log(work, [LogLine(1, 0, "error", "By the child.")])) == 1
    assert len(describe_log(replace(work, error=None), [told])) == 1


def test_a_job_that_was_cancelled_says_so(person):
    large = node("resample_spatial", data={"from_node": "mean"}, resolution=0.05, method="cubic")
    save = node("save_result", result=True, data={"from_node": "large"}, format="netCDF")
    job = person.make_job(GRAPH | {"large": large, "save": save})
    person.press(person.read(f"/processing/jobs/{job}"), f"/processing/jobs/{job}/start")
    person.press(person.read(f"/processing/jobs/{job}"), f"/processing/jobs/{job}/cancel")
    page = person.read(f"/processing/jobs/{job}")

    assert person.api.get(f"/jobs/{job}").json()["status"] == "created"
    assert ">cancelled</span>" in page
    assert re.search(r"info +Cancelled\.", page)
    assert "What it will take" in page
    assert ">cancelled</span>" in person.read("/processing/jobs")
    person.press(page, f"/processing/jobs/{job}/delete")


def test_a_store_that_was_only_loaded_and_saved_says_what_was_read_and_how_it_is_opened(person):
    save = {**GRAPH["save"], "arguments": {"data": {"from_node": "load"}, "format": "Zarr"}}
    job = person.make_job({"load": GRAPH["load"], "save": save})
    person.run_job(job)
    page = html.unescape(person.read(f"/processing/jobs/{job}"))

    assert re.search(r'<th scope="row">Data read</th><td>\S+ kB</td>', page)
    assert re.search(r'<th scope="row">Results</th><td>\S+ \w+, packed from \S+ kB</td>', page)
    assert re.search(r'<th scope="row">Processed</th><td>[\d,]+ pixels</td>', page)
    assert re.search(r"about \d+ s of CPU, \d+ s at most; about \S+ \w+ of results", page)
    assert "xarray.open_zarr(results.get_asset('result.zarr').href)" in page
    assert "download_files" not in page
    person.press(page, f"/processing/jobs/{job}/delete")


def test_a_job_of_another_is_not_seen(person, site):
    job = person.make_job(GRAPH)
    assert site.get(f"/processing/jobs/{job}", headers={"authorization": "Bearer tl_0"}).status_code in {401, 403}
    person.press(person.read(f"/processing/jobs/{job}"), f"/processing/jobs/{job}/delete")


def test_the_page_of_a_map_opens_on_what_it_shows(person):
    extent = {"west": -20, "south": -30, "east": 30, "north": 20}
    load = {**GRAPH["load"], "arguments": {**GRAPH["load"]["arguments"], "spatial_extent": extent}}
    graph = {"mean": {**GRAPH["mean"], "result": True}, "load": load}
    made = person.api.post("/services", json={"type": "XYZ", "process": {"process_graph": graph}})
    address = f"/processing/maps/{made.headers['openeo-identifier']}"
    page = person.read(address)

    [footprints] = re.findall(r'id="footprints">(.*?)</script>', page)
    [feature] = json.loads(footprints)["features"]
    assert feature["bbox"] == pytest.approx([-19.5, -29.5, 29.5, 19.5])
    person.press(page, f"{address}/delete")


@pytest.mark.parametrize(
    ("tariff", "written"),
    [(Tariff(currency="EUR", per_cpu_hour=36.0), "0.1 EUR"), (None, "Nothing: this site has no tariff")],
)
def test_a_cost_is_told_where_there_is_a_tariff(tariff, written):
    assert write_cost(tariff, 10) == written


def test_a_map_has_its_legend_and_is_switched_off_and_on_and_deleted(person):
    graph = {"mean": {**GRAPH["mean"], "result": True}, "load": GRAPH["load"]}
    body = {
        "type": "XYZ", "title": HOSTILE, "process": {"process_graph": graph},
        "configuration": {"minimum": 0, "palette": ["#000080", "#ff000080"]},
    }  # fmt: skip
    made = person.api.post("/services", json=body)
    address = f"/processing/maps/{made.headers['openeo-identifier']}"
    listed, page = person.read("/processing/maps"), person.read(address)

    assert "98th percentile" in listed
    assert "98th percentile" not in page
    for each in (listed, page):
        assert "<script>window" not in each
        assert 'stop-color="#ff000080"' in each
    [tiles] = re.findall(r'data-tiles="([^"]+)"', page)
    assert tiles.startswith("/openeo/1.2/services/tiles/")
    assert person.pages.get(tiles.format(z=0, x=0, y=0)).headers["content-type"] == "image/png"
    assert html.escape(person.api.get(f"/services/{made.headers['openeo-identifier']}").json()["url"]) in page
    assert person.press(page, f"{address}/switch", enabled="perhaps").status_code == 400
    person.press(page, f"{address}/switch", enabled="false")
    off = person.read(address)
    assert "switched off" in off
    assert "data-tiles" not in off
    assert person.pages.get(tiles.format(z=0, x=0, y=0)).status_code == 404
    person.press(off, f"{address}/switch", enabled="true")
    assert "data-tiles" in person.read(address)
    person.press(off, f"{address}/delete")
    person.read(address, 404)
    assert HOSTILE not in html.unescape(person.read("/processing/maps"))
