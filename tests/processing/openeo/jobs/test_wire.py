"""Jobs as JSON: their states, what may be sent in and changed, what they cost."""

import orjson
import pytest

from twinlake.core.errors import InvalidInputError
from twinlake.jobs.models import Failure, Job, JobState, LogLine, Progress, Usage
from twinlake.processing.openeo.jobs.models import BatchJob, Draft, SeenJob
from twinlake.processing.openeo.jobs.wire import (
    STATUS,
    Tariff,
    change,
    levels_from,
    progress_of,
    read_new,
    status_of,
    write_end,
    write_job,
    write_log_line,
)
from twinlake.processing.openeo.tiles.usage import ChainUsage, RunUsage, TileUsage
from twinlake.standards.openeo.errors import (
    BillingPlanInvalidError,
    BudgetInvalidError,
    ProcessGraphMissingError,
    ProcessInvalidError,
    PropertyNotEditableError,
)

PROCESS = {"process_graph": {"n": {"process_id": "pi", "arguments": {}, "result": True}}}
SECOND = 1_000_000


def work(state, **changes):
    facts = {
        "id": "request",
        "owner": "i|alice",
        "project": None,
        "collection": None,
        "api": "openeo",
        "kind": "openeo",
        "state": state,
        "run": "run",
        "cost": None,
        "quota_reservation": None,
        "progress": Progress(1, 3, "nodes"),
        "attempts": 1,
        "usage": Usage(cpu_seconds=7.2, peak_memory_bytes=1 << 20),
        "has_result": False,
        "error": None,
        "created_at": 2 * SECOND,
        "started_at": 3 * SECOND,
        "finished_at": 5 * SECOND if state.is_final else None,
        "updated_at": 4 * SECOND,
    }
    return Job(**{**facts, **changes})


def seen(state=None, *, has_results=False, tiles=None, **document):
    batch = BatchJob(
        id="job",
        owner="i|alice",
        document=document,
        revision=0,
        request=None if state is None else "request",
        run=None if state is None else "run",
        stored_bytes=10 if has_results else 0,
        has_results=has_results,
        tiles=tiles,
        created_at=SECOND,
        updated_at=SECOND,
    )
    return SeenJob(batch=batch, work=None if state is None else work(state))


def write(job, *, tariff=None, process=b"{}"):
    return write_job(job, root="https://lake.example/openeo/1.2", tariff=tariff, process=process)


def test_every_state_of_the_journal_has_its_word():
    assert set(STATUS) == set(JobState)
    assert set(STATUS.values()) | {"created"} == {"created", "queued", "running", "canceled", "finished", "error"}
    assert {status_of(seen(state, has_results=True)) for state in JobState} == set(STATUS.values())


@pytest.mark.parametrize("state", [None, JobState.DISMISSED])
def test_a_job_that_has_done_nothing_is_as_it_was_created(state):
    written = write(seen(state))

    assert written["status"] == "created"
    assert "progress" not in written


def test_a_job_is_written_with_what_it_took():
    running, finished = write(seen(JobState.RUNNING)), write(seen(JobState.SUCCESSFUL, has_results=True))

    assert (running["progress"], finished["progress"]) == (33.3, 100)
    assert running["queued"] == "1970-01-01T00:00:02.000000Z"
    assert running["updated"] == "1970-01-01T00:00:04.000000Z"
    assert [link["rel"] for link in finished["links"]] == ["monitor", "result"]
    assert finished["usage"] == {
        "cpu": {"value": 7.2, "unit": "cpu-seconds"},
        "memory": {"value": 1 << 20, "unit": "b"},
        "storage": {"value": 10, "unit": "b"},
        "duration": {"value": 2.0, "unit": "seconds"},
    }
    assert "costs" not in finished


def test_costs_are_told_where_there_is_a_tariff():
    assert write(seen(JobState.SUCCESSFUL), tariff=Tariff(currency="EUR", per_cpu_hour=1.0))["costs"] == 0.002


@pytest.mark.parametrize(
    ("state", "done", "total", "percent"),
    [(JobState.ACCEPTED, 1, 2, 0), (JobState.RUNNING, 5, None, 0), (JobState.RUNNING, 9, 9, 99.9), (JobState.FAILED, 1, 4, 25)],
)
def test_progress_is_whole_only_when_all_is_done(state, done, total, percent):
    assert progress_of(work(state, progress=Progress(done, total))) == percent


def test_lists_show_no_more_than_single_values():
    written = write(seen(title="T", job_options={"a": 1}), process=None)

    assert (written["title"], written["id"]) == ("T", "job")
    assert not {"process", "job_options", "links"} & written.keys()


def test_what_was_sent_in_is_kept_but_for_what_is_ours():
    body = {"process": PROCESS, "title": "T", "budget": None, "status": "finished", "costs": 3, "my:own": {"a": [1]}}

    assert read_new(body) == Draft(process=orjson.dumps(PROCESS), document={"title": "T", "my:own": {"a": [1]}})


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, ProcessInvalidError),
        ({"process": None}, ProcessInvalidError),
        ({"process": []}, ProcessInvalidError),
        ({"process": {}}, ProcessGraphMissingError),
        ({"process": {"process_graph": "x"}}, ProcessGraphMissingError),
        ({"process": PROCESS, "title": 3}, InvalidInputError),
        ({"process": PROCESS, "description": []}, InvalidInputError),
        ({"process": PROCESS, "plan": "free"}, BillingPlanInvalidError),
        ({"process": PROCESS, "log_level": "loud"}, InvalidInputError),
        ({"process": PROCESS, "log_level": []}, InvalidInputError),
        ({"process": PROCESS, "job_options": 1}, InvalidInputError),
        ({"process": PROCESS, "more": "x" * 70_000}, InvalidInputError),
        ({"process": PROCESS, "budget": 0}, BudgetInvalidError),
        ({"process": PROCESS, "budget": -1}, BudgetInvalidError),
        ({"process": PROCESS, "budget": True}, BudgetInvalidError),
        ({"process": PROCESS, "budget": "1"}, BudgetInvalidError),
    ],
)
def test_what_is_no_job_is_refused(body, error):
    with pytest.raises(error):
        read_new(body)


def test_changes_add_replace_and_take_away():
    before = {"title": "T", "description": "D", "budget": 3}

    after = change(before, {"title": "U", "description": None, "plan": None, "budget": None, "log_level": "error"})

    assert after == Draft(process=None, document={"title": "U", "log_level": "error"})
    assert change(before, {}) == Draft(process=None, document=before)
    assert change({}, {"process": PROCESS}) == Draft(process=orjson.dumps(PROCESS), document={})


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"status": "finished"}, PropertyNotEditableError),
        ({"id": "x"}, PropertyNotEditableError),
        ({"process": None}, ProcessInvalidError),
        ({"process": {}}, ProcessGraphMissingError),
        ({"budget": 0}, BudgetInvalidError),
    ],
)
def test_what_cannot_be_changed_is_refused(body, error):
    with pytest.raises(error):
        change({}, body)


def test_a_level_takes_the_graver_ones_with_it():
    assert list(levels_from("warning")) == ["error", "warning"]
    assert list(levels_from("debug")) == ["error", "warning", "info", "debug"]
    with pytest.raises(InvalidInputError):
        levels_from("stderr")


def test_entries_of_the_log_have_no_id_but_their_own():
    line = LogLine(3, SECOND, "info", "hello", {"id": "9", "level": "error", "code": "User", "path": [{"node_id": "n"}]})

    assert write_log_line(line) == {
        "id": "3",
        "level": "info",
        "message": "hello",
        "time": "1970-01-01T00:00:01.000000Z",
        "code": "User",
        "path": [{"node_id": "n"}],
    }
    assert write_end(Failure("gone", "It went.", "Come back."), SECOND)["message"] == "It went. Come back."


def test_what_the_tiles_took_stands_beside():
    chains = [ChainUsage("a", 2, TileUsage(10, 0.5, 100)), ChainUsage("b", 1, TileUsage(5, 0.25, 20))]

    usage = write(seen(JobState.SUCCESSFUL, has_results=True, tiles=RunUsage(chains, 400)))["usage"]

    assert {name: usage[name] for name in ("pixels", "read", "unpacked", "storage")} == {
        "pixels": {"value": 15, "unit": "pixels"},
        "read": {"value": 120, "unit": "b"},
        "unpacked": {"value": 400, "unit": "b"},
        "storage": {"value": 10, "unit": "b"},
    }
