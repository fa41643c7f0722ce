"""Batch jobs as their owners use them; nobody else's work is seen, whatever one's role."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import msgspec
import orjson

from twinlake.core.documents import JsonObject
from twinlake.core.sizes import write_size
from twinlake.engines.database import Connection
from twinlake.engines.objectstore import StoredObject
from twinlake.identity.principals import Caller
from twinlake.jobs.errors import JobFinishedError
from twinlake.jobs.models import Job, LogEntry, LogLine
from twinlake.jobs.requests import RequestJournal
from twinlake.jobs.runs import append_lines
from twinlake.jobs.service import Jobs
from twinlake.processing.openeo.jobs.kind import FROZEN, OPENEO, Preparing
from twinlake.processing.openeo.jobs.models import Asset, BatchJob, Draft, SeenJob
from twinlake.processing.openeo.jobs.results import ResultStore
from twinlake.processing.openeo.jobs.store import JobChangedError, JobStore
from twinlake.processing.openeo.jobs.wire import (
    DEFAULT_LOG_LEVEL,
    change,
    freezes_when_made,
    levels_from,
    read_new,
    status_of,
)
from twinlake.processing.openeo.quotas.ledger import QuotaLedger
from twinlake.processing.openeo.quotas.models import UNLIMITED, Need
from twinlake.processing.openeo.quotas.tariff import Tariff
from twinlake.standards.openeo.errors import JobLockedError, JobNotFinishedError, JobNotStartedError, NotFoundError

_TRIES = 5
"""To change a job that others change, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenJobs:
    """Batch jobs, and what they have made, as they are seen."""

    store: JobStore
    results: ResultStore
    journal: RequestJournal

    async def get(self, caller: Caller, job: str) -> SeenJob:
        """Return a job. Raises JobNotFoundError."""
        return await self._see(await self.store.get(str(caller.principal), job))

    async def list_results(self, seen: SeenJob, *, is_partial: bool) -> list[Asset]:
        """Return what a job has made; what there is so far where *is_partial*.

        Raises
        ------
        JobNotStartedError
            It was not started.
        JobNotFinishedError
            It is not done.
        """
        if seen.batch.run is None or status_of(seen) == "created":
            raise JobNotStartedError("The job was not started, or was cancelled.", remedy="POST to this address to start it.")
        if _is_live(seen) and not is_partial:
            raise JobNotFinishedError("The job is not done yet.", remedy="Ask again later, or add partial=true.")
        return await self.results.list_assets(seen.batch.run)

    async def get_vouched(self, job: str) -> SeenJob:
        """Return a job for whoever has an address of its results that this site has signed."""
        return await self._see(await self.store.get(None, job))

    async def _see(self, batch: BatchJob) -> SeenJob:
        if batch.request is None:
            return SeenJob(batch=batch, work=None)
        return SeenJob(batch=batch, work=(await self.journal.find_all([batch.request])).get(batch.request))


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJobs(SeenJobs):
    """The use cases of batch jobs."""

    jobs: Jobs
    preparing: Preparing
    ledger: QuotaLedger
    tariff: Tariff | None
    """None where nothing costs anything: budgets mean nothing there."""

    async def create(self, caller: Caller, body: JsonObject) -> str:
        """Keep a job that was sent in; return its id.

        Raises
        ------
        OpenEoError
            As `read_new` and `JobStore.create` raise it and, where the job freezes what it loads now, as `start`.
        """
        return await self.store.create(str(caller.principal), await self._freeze(caller, read_new(body)))

    async def list_jobs(self, caller: Caller, *, limit: int, before: str | None) -> list[SeenJob]:
        """Return up to *limit* jobs, newest first, older than the job *before*."""
        found = await self.store.list_jobs(str(caller.principal), limit=limit, before=before)
        works = await self.journal.find_all([each.request for each in found if each.request is not None])
        return [SeenJob(batch=each, work=works.get(each.request or "")) for each in found]

    async def edit(self, caller: Caller, job: str, body: JsonObject) -> None:
        """Change what a job is; its status stays.

        Raises
        ------
        JobLockedError
            It waits or runs.
        OpenEoError
            As `wire.change` and, where the job freezes what it loads now, as `start`.
        """
        for _ in range(_TRIES):
            seen = await self.get(caller, job)
            if _is_live(seen):
                raise JobLockedError("The job is queued or runs.", remedy="Cancel it first.")
            try:
                draft = await self._freeze(caller, change(seen.batch.document, body), job)
                return await self.store.edit(seen.batch, draft)
            except JobChangedError:
                continue
        raise JobChangedError(job)

    async def start(self, caller: Caller, job: str) -> None:
        """Have a job done, again if need be; one that waits or runs goes on.

        Raises
        ------
        GraphFailedError
            Its graph is wrong.
        PaymentRequiredError, StorageQuotaExceededError
            It takes more than is left to its owner, or than its budget allows.
        """
        for _ in range(_TRIES):
            seen = await self.get(caller, job)
            if _is_live(seen):
                return
            batch = seen.batch
            process = orjson.loads(await self.store.get_process(job))
            frozen = await self.store.get_frozen(job)
            document = {"log_level": DEFAULT_LOG_LEVEL, **batch.document, "process": process, FROZEN: frozen}
            try:
                await self.jobs.submit(
                    caller,
                    OPENEO,
                    document,
                    api=OPENEO,
                    noted=partial(self._note_start, batch),
                )
            except JobChangedError:
                continue
            return
        raise JobChangedError(job)

    async def stop(self, caller: Caller, job: str) -> None:
        """Cancel a job that waits or runs; nothing happens to others, nor to a run that others wait for."""
        await self._stop(await self.get(caller, job))

    async def delete(self, caller: Caller, job: str) -> None:
        """Forget a job and what it has made, after cancelling it."""
        for _ in range(_TRIES):
            seen = await self.get(caller, job)
            await self._stop(seen)
            try:
                return await self.store.delete(seen.batch, noted=partial(self.journal.forget, job=seen.batch.request or ""))
            except JobChangedError:
                continue
        raise JobChangedError(job)

    async def list_log(self, seen: SeenJob, *, after: int, levels: Sequence[str], limit: int) -> list[LogLine]:
        """Return up to *limit* entries of a job's log with numbers above *after*."""
        if seen.work is None:
            return []
        return await self.journal.list_log(seen.work.id, owner=seen.batch.owner, after=after, levels=levels, limit=limit)

    async def get_file(self, job: str, asset: str, path: str = "") -> tuple[JsonObject, StoredObject]:
        """Return one file of a result, and what is said of the asset, for whoever has a signed address of it.

        Raises
        ------
        NotFoundError
            There is none, or not any more.
        """
        run = await self.store.get_run(job)
        found = None if run is None else await self.results.find_file(run, asset, path)
        if found is None:
            raise NotFoundError("There is no such file among the results.")
        return found

    def _note_start(self, batch: BatchJob, tx: Connection, work: Job, order: JsonObject) -> None:
        """Write that a job is begun, and reserve what it will take, unless it has joined the run of another."""
        self.store.note_start(tx, batch, work)
        if work.joined is None:
            budget = UNLIMITED if self.tariff is None else self.tariff.cpu_for(batch.document.get("budget"))
            need = msgspec.convert(order["need"], Need | None)
            self.ledger.reserve(tx, work.run, batch.owner, need, budget_cpu=budget)
            if "info" in levels_from(order["log_level"]):
                append_lines(tx, work.run, [LogEntry("info", _tell_of_need(need))], now=work.created_at)

    async def _freeze(self, caller: Caller, draft: Draft, job: str | None = None) -> Draft:
        """Return a draft with what it loads, if it says so; what *job* has frozen stays as long as its process does."""
        if not freezes_when_made(draft.document):
            return draft
        if job is not None and draft.process is None and (frozen := await self.store.get_frozen(job)) is not None:
            return replace(draft, frozen=frozen)
        process = draft.process or await self.store.get_process(job or "")
        document = {**draft.document, "process": orjson.loads(process)}
        return replace(draft, frozen=await self.preparing.freeze(caller, document))

    async def _stop(self, seen: SeenJob) -> None:
        if seen.work is None or not _is_live(seen):
            return
        tells = seen.work.joined is None and "info" in levels_from(seen.batch.document.get("log_level", DEFAULT_LOG_LEVEL))
        log = [LogEntry("info", "Cancelled.")] if tells else []
        try:
            noted = partial(self.store.note_stop, seen=seen.batch, log=log)
            await self.journal.cancel(seen.work.id, owner=seen.batch.owner, noted=noted)
        except JobFinishedError:
            return  # it was faster


def _tell_of_need(need: Need | None) -> str:
    if need is None:
        return "Queued. What it will take cannot be told before."
    cpu, size = need.cpu_seconds, need.result_bytes
    return (
        f"Queued. It will take about {cpu.likely:.0f} s of CPU time, {cpu.high:.0f} s at most, and make about"
        f" {write_size(round(size.likely))} of results."
    )


def _is_live(seen: SeenJob) -> bool:
    return seen.work is not None and not seen.work.state.is_final
