"""Results on their way from a child to the object store, over the socket that children have."""

import asyncio
from datetime import timedelta

import pytest
from starlette.applications import Starlette

from twinlake.core.clock import SystemClock
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.database import SqliteDatabase
from twinlake.engines.objectstore import LocalObjectStore
from twinlake.events.log import EventLog
from twinlake.events.schema import MIGRATIONS as EVENTS
from twinlake.jobs.context import JobContext
from twinlake.jobs.gateway import Gateway, GatewayRefusedError
from twinlake.jobs.internal import internal_app
from twinlake.jobs.requests import NewJob, RequestJournal
from twinlake.jobs.runs import RunJournal
from twinlake.jobs.schema import MIGRATIONS as JOBS
from twinlake.jobs.supervisor import WORK, lease_of
from twinlake.jobs.unix_socket import SocketApp, serve_at_socket
from twinlake.processing.openeo.jobs.child_routes import routes
from twinlake.processing.openeo.jobs.kind import OPENEO
from twinlake.processing.openeo.jobs.results import ResultStore
from twinlake.processing.openeo.quotas.ledger import QuotaLedger
from twinlake.processing.openeo.quotas.models import Quota
from twinlake.processing.openeo.runner.child import hand_over
from twinlake.processing.openeo.runner.executing import ResultFile
from twinlake.processing.openeo.schema import MIGRATIONS
from twinlake.testing.job_kinds import job_kind

OWNER = "i|alice"
NO_QUOTA = Quota.of(cpu_seconds=0, size_bytes=0, job_cpu_seconds=0, job_bytes=0)


class Attempt:
    """A run that is held, with the folder and the connection of its child."""

    def __init__(self, folder, context, run, results, objects, runs, lease):
        self.work = folder / WORK
        self.context = context
        self.run = run
        self.results = results
        self.objects = objects
        self.runs = runs
        self.lease = lease

    async def hand_over(self, path, **facts):
        await asyncio.to_thread(hand_over, self.context, ResultFile(path=path, media_type="text/plain", title="T", **facts))

    async def post(self, **body):
        return await asyncio.to_thread(self.context.gateway.post, "openeo/asset", {"document": {}, **body})


@pytest.fixture(params=[OPENEO])
async def attempt(request, tmp_path):
    folder = tmp_path / "attempt"
    (folder / WORK).mkdir(parents=True)
    clock = SystemClock()
    log = EventLog(clock=clock)
    kind = job_kind(request.param)
    async with SqliteDatabase(tmp_path / "site.db", migrations=(*EVENTS, *JOBS, *MIGRATIONS)) as database:
        objects = LocalObjectStore(tmp_path / "objects")
        runs = RunJournal(database=database, events=log, clock=clock, lease=timedelta(hours=1))
        requests = RequestJournal(database=database, events=log, clock=clock, randomness=SYSTEM_RANDOMNESS)
        run = (await requests.submit(NewJob(owner=OWNER, kind=kind.name, spec={}), kind)).run
        await runs.claim(kind, lease_of("secret"))
        ledger = QuotaLedger(database=database, clock=clock, quota=NO_QUOTA)
        more = routes(journal=runs, database=database, objects=objects, ledger=ledger, folder_of=lambda _: folder)
        app = SocketApp(public=Starlette(), internal=internal_app(runs, more))
        socket = tmp_path / "run" / "gateway.sock"
        async with serve_at_socket(app, socket):
            gateway = Gateway(socket=socket, run=run, secret="secret")
            context = await asyncio.to_thread(JobContext, gateway, scratch=folder / WORK)
            yield Attempt(folder, context, run, ResultStore(database=database), objects, runs, lease_of("secret"))
            gateway.close()


async def test_a_file_is_kept(attempt):
    path = attempt.work / "result.txt"
    path.write_bytes(b"hello")

    await attempt.hand_over(path, bbox=(1, 2, 3, 4), members={"cube:dimensions": {}})

    [asset] = await attempt.results.list_assets(attempt.run)
    assert (asset.name, asset.is_folder, asset.files[""].size_bytes) == ("result.txt", False, 5)
    assert asset.document == {
        "cube:dimensions": {},
        "type": "text/plain",
        "title": "T",
        "roles": ["data"],
        "bbox": [1, 2, 3, 4],
    }
    assert await attempt.objects.read(asset.files[""].sha256) == b"hello"
    assert not path.exists()


async def test_a_folder_is_kept_file_by_file_and_again_in_another_attempt(attempt):
    for _ in range(2):
        (attempt.work / "cube.zarr" / "c" / "0").mkdir(parents=True, exist_ok=True)
        (attempt.work / "cube.zarr" / "zarr.json").write_bytes(b"{}")
        (attempt.work / "cube.zarr" / "c" / "0" / "0").write_bytes(b"cells")
        await attempt.hand_over(attempt.work / "cube.zarr")

    [asset] = await attempt.results.list_assets(attempt.run)
    assert {path: file.size_bytes for path, file in asset.files.items()} == {"zarr.json": 2, "c/0/0": 5}
    [step] = await attempt.runs.list_checkpoints(attempt.run)
    assert (step.name, step.result) == ("asset:cube.zarr", {"files": 2, "size_bytes": 7})


@pytest.mark.parametrize(
    "body",
    [
        {"name": "../x", "files": [{"path": "", "made": "made"}]},
        {"name": "", "files": [{"path": "", "made": "made"}]},
        {"name": "x", "files": []},
        {"name": "x", "files": [{"path": "", "made": "../site.db"}]},
        {"name": "x", "files": [{"path": "", "made": "/etc/passwd"}]},
        {"name": "x", "files": [{"path": "", "made": "link"}]},
        {"name": "x", "files": [{"path": "", "made": "folder"}]},
        {"name": "x", "files": [{"path": "../x", "made": "made"}]},
        {"name": "x", "files": [{"path": "a//b", "made": "made"}]},
        {"name": "x", "files": [{"path": "/a", "made": "made"}]},
        {"name": "x", "files": [{"path": "a\nb", "made": "made"}]},
        {"name": "x", "files": [{"path": "", "made": "made"}, {"path": "b", "made": "made"}]},
        {"name": "x", "files": [{"path": "", "made": "made", "sha256": "00"}]},
    ],
)
async def test_a_child_under_control_of_others_names_no_file_but_its_own(attempt, tmp_path, body):
    (attempt.work / "made").write_bytes(b"mine")
    (attempt.work / "folder").mkdir()
    (attempt.work / "link").symlink_to(tmp_path / "site.db")

    with pytest.raises(GatewayRefusedError) as refused:
        await attempt.post(**body)

    assert refused.value.refusal_status == 400
    assert await attempt.results.list_assets(attempt.run) == []
    assert (attempt.work / "made").read_bytes() == b"mine"


async def test_an_attempt_that_has_lost_its_run_keeps_nothing(attempt):
    (attempt.work / "made").write_bytes(b"mine")
    await attempt.runs.succeed(attempt.run, attempt.lease, {})

    with pytest.raises(GatewayRefusedError) as refused:
        await attempt.post(name="x", files=[{"path": "", "made": "made"}])

    assert refused.value.refusal == "lease-lost"
    assert await attempt.results.list_assets(attempt.run) == []


@pytest.mark.parametrize("attempt", ["count"], indirect=True)
async def test_runs_of_other_kinds_have_no_such_results(attempt):
    (attempt.work / "made").write_bytes(b"mine")

    with pytest.raises(GatewayRefusedError, match="kind"):
        await attempt.post(name="x", files=[{"path": "", "made": "made"}])
