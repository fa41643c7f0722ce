"""The pages on batch jobs of openEO: how far they are, what they do, take and have made."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from twinlake.console.pages import Pages
from twinlake.console.processing.costs import write_cost
from twinlake.console.processing.results import ResultDesk
from twinlake.console.processing.steps import read_steps
from twinlake.console.snippets import Snippets
from twinlake.console.tiles import TileDesk, read_bands
from twinlake.console.work import describe_line, describe_work, explain_end, list_facts
from twinlake.core.clock import from_microseconds
from twinlake.core.counting import count
from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError
from twinlake.core.sizes import write_size
from twinlake.identity.sessions import require_form_token
from twinlake.identity.web import guarded
from twinlake.jobs.models import Job, JobState, LogLine
from twinlake.processing.openeo.jobs.kind import Preparing
from twinlake.processing.openeo.jobs.models import SeenJob
from twinlake.processing.openeo.jobs.service import BatchJobs
from twinlake.processing.openeo.jobs.wire import status_of, tell_of_sharing
from twinlake.processing.openeo.quotas.ledger import QuotaLedger
from twinlake.processing.openeo.quotas.models import PERIOD, UNLIMITED
from twinlake.processing.openeo.quotas.tariff import Tariff
from twinlake.processing.openeo.reporting import LEVELS
from twinlake.processing.openeo.tiles.usage import TileUsage

_PAGE = 50
_MOST_LINES = 1000
_SHOWN_WARNINGS = 3
_SEE_OTHER = 303
_WRITING = "Writing the results"
_STATES: Mapping[str, tuple[str, str]] = {
    "created": ("not started", ""),
    "queued": ("waiting", "warn"),
    "running": ("running", "warn"),
    "finished": ("done", "good"),
    "error": ("failed", "bad"),
    "canceled": ("cancelled", "bad"),
}
"""Words and tones of openEO's statuses."""


class BatchPages:
    """The list, a page for each job, its buttons and the tiles of its results.

    Parameters
    ----------
    tariff
        None where nothing costs anything.
    """

    def __init__(
        self,
        *,
        pages: Pages,
        jobs: BatchJobs,
        preparing: Preparing,
        ledger: QuotaLedger,
        results: ResultDesk,
        tiles: TileDesk,
        tariff: Tariff | None,
    ) -> None:
        self._pages = pages
        self._jobs = jobs
        self._preparing = preparing
        self._ledger = ledger
        self._results = results
        self._tiles = tiles
        self._tariff = tariff

    def routes(self) -> list[BaseRoute]:
        """Declare them."""
        one = "/processing/jobs/{job}"
        tile = f"{one}/tiles/{{asset}}/{{z:int}}/{{x:int}}/{{y:int}}.png"
        return [
            guarded("/processing/jobs", self.list_all, methods=["GET"], action="run", name="list_batches"),
            guarded(one, self.show, methods=["GET"], action="run", name="show_batch"),
            guarded(f"{one}/start", self.start, methods=["POST"], action="run", name="start_batch"),
            guarded(f"{one}/cancel", self.cancel, methods=["POST"], action="run", name="cancel_batch"),
            guarded(f"{one}/delete", self.delete, methods=["POST"], action="run", name="delete_batch"),
            guarded(tile, self.draw, methods=["GET"], action="run", name="draw_batch_tile"),
        ]

    async def list_all(self, request: Request) -> Response:
        """Answer with the caller's jobs, newest first."""
        found = await self._jobs.list_jobs(request.state.caller, limit=_PAGE, before=request.query_params.get("before"))
        more = f"{self._address()}?before={quote(found[-1].batch.id)}" if len(found) == _PAGE else None
        rows = [self._describe(seen) for seen in found]
        codes = self._snippets().list_batches(is_none=not rows)
        is_live = any(row["is_live"] for row in rows)
        has_costs = self._tariff is not None
        return self._pages.render(
            request, "processing/jobs.html", jobs=rows, more=more, codes=codes, is_live=is_live, has_costs=has_costs
        )

    async def show(self, request: Request) -> Response:
        """Answer with all about a job."""
        return await self._render(request, await self._see(request))

    async def start(self, request: Request) -> Response:
        """Have a job done; where that cannot be, say why on its page."""
        await _check_form(request)
        try:
            await self._jobs.start(request.state.caller, request.path_params["job"])
        except TwinlakeError as error:
            return await self._render(request, await self._see(request), problem=error)
        return self._go_to(request.path_params["job"])

    async def cancel(self, request: Request) -> Response:
        """Cancel a job."""
        await _check_form(request)
        await self._jobs.stop(request.state.caller, request.path_params["job"])
        return self._go_to(request.path_params["job"])

    async def delete(self, request: Request) -> Response:
        """Forget a job and its results."""
        await _check_form(request)
        await self._jobs.delete(request.state.caller, request.path_params["job"])
        return RedirectResponse(self._address(), _SEE_OTHER)

    async def draw(self, request: Request) -> Response:
        """Answer with a tile of a result."""
        names = request.path_params
        assets = await self._jobs.list_results(await self._see(request), is_partial=True)
        asset = self._results.find_drawable(assets, names["asset"])
        bands = read_bands(request.query_params)
        if request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=asset.headers)
        picture = await self._tiles.draw(asset, names["z"], names["x"], names["y"], bands)
        return Response(picture, media_type="image/png", headers=asset.headers)

    async def _render(self, request: Request, seen: SeenJob, *, problem: TwinlakeError | None = None) -> Response:
        batch = seen.batch
        process = await self._jobs.store.get_process(batch.id)
        steps = await asyncio.to_thread(read_steps, process)
        job = self._describe(seen)
        log = await self._jobs.list_log(seen, after=0, levels=LEVELS, limit=_MOST_LINES)
        warned = [] if job["is_live"] else await self._jobs.list_log(seen, after=0, levels=("warning",), limit=_MOST_LINES)
        warnings = list(dict.fromkeys(line.message for line in warned))
        results = None
        if batch.has_results and not job["is_live"]:
            assets = await self._jobs.list_results(seen, is_partial=True)
            results = await self._results.describe(batch.id, assets, request.query_params.get("asset", ""))
        is_new = status_of(seen) == "created" and not steps.problem
        return self._pages.render(
            request,
            "processing/job.html",
            status=200 if problem is None else problem.status,
            job=job,
            writing=_WRITING,
            problem=None if problem is None else f"{problem.message} {problem.remedy or ''}".strip(),
            estimate=await self._estimate(request, batch.document, process) if is_new and problem is None else None,
            description=batch.document.get("description") or "",
            facts=[("Made", job["when"]), *await self._list_facts(seen), *await self._list_left(batch.owner)],
            log=[describe_line(line) for line in log] if seen.work is None else describe_log(seen.work, log),
            warnings=warnings[:_SHOWN_WARNINGS],
            more_warnings=len(warnings) - _SHOWN_WARNINGS,
            has_more_log=len(log) == _MOST_LINES,
            graph=steps,
            results=results,
            codes=self._snippets().show_batch(
                batch.id,
                str(batch.document.get("title") or "Again"),
                steps.script,
                steps.text,
                is_started=status_of(seen) != "created",
                is_running=status_of(seen) in {"queued", "running"},
                has_failed=status_of(seen) == "error",
                folders=[each["name"] for each in results["assets"] if each["is_folder"]] if results else (),
            ),
        )

    def _describe(self, seen: SeenJob) -> JsonObject:
        batch, work = seen.batch, seen.work
        # openEO has no status for a job that was cancelled before it made anything: "created", as if it had not been started.
        is_stopped = work is not None and work.state is JobState.DISMISSED
        word, tone = _STATES["canceled" if is_stopped else status_of(seen)]
        shown: JsonObject = {
            "done": 0,
            "total": None,
            "steps": "",
            "is_final": True,
            **({} if work is None else describe_work(work)),
            "message": "" if work is None else say_what_is_done(work),
            "id": batch.id,
            "title": batch.document.get("title") or "Without a title",
            "work": None if work is None else work.id,
            "state": word,
            "tone": tone,
            "is_started": work is not None,
            "is_live": work is not None and not work.state.is_final,
            "is_done": work is not None and work.state is JobState.SUCCESSFUL,
            "error": None if work is None else explain_end(work),
            "cost": write_cost(self._tariff, work.usage.cpu_seconds) if work is not None and work.usage.cpu_seconds else None,
            "when": f"{from_microseconds(batch.created_at):%Y-%m-%d %H:%M} UTC",
        }
        return shown

    async def _list_facts(self, seen: SeenJob) -> list[tuple[str, str]]:
        work = seen.work
        if work is None:
            return []
        facts = [(name, text) for name, text in list_facts(work) if name != "By"]
        if work.joined is None and (need := await self._jobs.store.get_need(seen.batch.id)) is not None:
            cpu, size = need.cpu_seconds, need.result_bytes
            told = f"about {_write_seconds(cpu.likely)} of CPU, {_write_seconds(cpu.high)} at most"
            made = f"; about {write_size(round(size.likely))} of results" if size.likely > 1 else ""  # for values none is told
            facts.append(("Estimated", told + made))
        if seen.batch.tiles is not None and work.joined is None:
            taken = TileUsage.sum(each.usage for each in seen.batch.tiles.chains)
            if taken.read_bytes:
                facts.append(("Data read", write_size(taken.read_bytes)))
            if taken.pixels:
                facts.append(("Processed", count(taken.pixels, "pixel")))
        if (shared := tell_of_sharing(work)) is not None:
            facts.append(("Took", f"Nothing. {shared}"))
        if seen.batch.stored_bytes:
            raw = 0 if seen.batch.tiles is None else seen.batch.tiles.raw_bytes
            packed = f", packed from {write_size(raw)}" if raw > seen.batch.stored_bytes else ""
            facts.append(("Results", f"{write_size(seen.batch.stored_bytes)}{packed}"))
        if work.usage.cpu_seconds:
            facts.append(("Cost", write_cost(self._tariff, work.usage.cpu_seconds)))
        return facts

    async def _list_left(self, owner: str) -> list[tuple[str, str]]:
        """Return what is left of the quota, which a job reserves before it starts."""
        standing = await self._ledger.find_standing(owner)
        quota, left = standing.quota, standing.left
        cpu, size = max(left.cpu_seconds, 0), max(left.size_bytes, 0)
        parts = [f"{_write_seconds(cpu)} of CPU"] if quota.cpu < UNLIMITED else []
        parts += [f"{write_size(size)} of results"] if quota.size_bytes < UNLIMITED else []
        return [("Left to you", f"{' and '.join(parts)} within {PERIOD.days} days")] if parts else []

    async def _estimate(self, request: Request, document: JsonObject, process: bytes) -> JsonObject:
        try:
            told = await self._preparing.estimate(request.state.caller, {**document, "process": orjson.loads(process)})
        except TwinlakeError as error:
            return {"problem": f"{error.message} {error.remedy or ''}".strip(), "warnings": [], "facts": [], "made": {}}
        made = {step["node"]: _write_made(step) for step in told["steps"]}
        warnings = list(dict.fromkeys(each["message"] for each in told["warnings"]))[:_SHOWN_WARNINGS]
        return {"problem": None, "warnings": warnings, "facts": self._list_estimates(told), "made": made}

    def _list_estimates(self, told: Mapping[str, Any]) -> list[tuple[str, str]]:
        seconds, size = told["cpu_seconds"], told["result_bytes"]
        low, likely, high = (_write_seconds(seconds[each]) for each in ("low", "likely", "high"))
        cpu = f"about {likely}; between {low} and {high}"
        cost = write_cost(self._tariff, seconds["likely"])
        return [
            ("CPU", cpu),
            # How files are stored is not known before they are opened: the log of the run tells the exact figures.
            ("Reads", f"about {write_size(told['read_bytes'])}, in about {count(told['windows'], 'tile')}"),
            ("Memory", f"{write_size(told['peak_bytes'])} at a time"),
            ("Results", f"about {write_size(round(size['likely']))}; at most {write_size(round(size['high']))}"),
            ("Cost", cost if self._tariff is None else f"about {cost}"),
        ]

    async def _see(self, request: Request) -> SeenJob:
        return await self._jobs.get(request.state.caller, request.path_params["job"])

    def _snippets(self) -> Snippets:
        return Snippets(self._pages.site.url, with_token=True)

    def _address(self) -> str:
        return f"{self._pages.addresses.root}/processing/jobs"

    def _go_to(self, job: str) -> Response:
        return RedirectResponse(f"{self._address()}/{quote(job, safe='')}", _SEE_OTHER)


def say_what_is_done(work: Job) -> str:
    """Say what a job is doing: when all its tiles are computed it is not at its end yet."""
    progress = work.progress
    is_computed = not work.state.is_final and bool(progress.total) and progress.done == progress.total
    return progress.message or (_WRITING if is_computed else "")


def describe_log(work: Job, lines: Sequence[LogLine]) -> list[JsonObject]:
    """Return a job's log; why it failed is its last entry, unless its child has written that, with the node."""
    shown = [describe_line(line) for line in lines]
    if work.error is None or any(line.level == "error" for line in lines):
        return shown
    number = lines[-1].number if lines else 0
    end = LogLine(number, work.finished_at or work.updated_at, "error", explain_end(work) or "")
    return [*shown, describe_line(end)]


async def _check_form(request: Request) -> None:
    require_form_token(request.state.form_token, dict(await request.form()))


def _write_made(step: Mapping[str, Any]) -> str:
    """Write what a step makes (`cost.steps.Step`): how many labels along which dimensions, of which type, how large."""
    along = " \N{MULTIPLICATION SIGN} ".join(
        f"{each['count']:,} {'band' if (each['count'], each['name']) == (1, 'bands') else each['name']}"
        for each in step["dimensions"]
    )
    gaps = ", with gaps where there is no data" if step["may_have_nodata"] else ""
    return f"{along or 'one value'}: {step['type']}, {write_size(step['bytes'])}{gaps}"


def _write_seconds(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
