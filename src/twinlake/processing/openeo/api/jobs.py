"""Batch jobs, their logs and results."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from twinlake.access.delivery.sender import DirectSender
from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError, NotFoundError
from twinlake.core.paging import TokenSeal
from twinlake.engines.objectstore import StoredObject
from twinlake.engines.web.files import ContentResponse
from twinlake.holdings.catalogue.interfaces import Managed
from twinlake.identity.web import guarded
from twinlake.jobs.models import LOG_LINES, JobState
from twinlake.processing.openeo.api.bodies import BODY_BYTES, SentGraphs, to_json
from twinlake.processing.openeo.api.paging import read_limit, read_page
from twinlake.processing.openeo.jobs.kind import Preparing
from twinlake.processing.openeo.jobs.models import Asset, SeenJob
from twinlake.processing.openeo.jobs.service import BatchJobs
from twinlake.processing.openeo.jobs.signing import ResultSigner
from twinlake.processing.openeo.jobs.stac import write_collection, write_item
from twinlake.processing.openeo.jobs.wire import (
    DEFAULT_LOG_LEVEL,
    END,
    levels_from,
    write_end,
    write_estimate,
    write_job,
    write_log_line,
)
from twinlake.processing.openeo.quotas.tariff import Tariff

_MOST_LINES = 10_000
_PRIVATE = {"cache-control": "private, no-cache"}
_BYTES = ("GET", "HEAD")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsApi:
    """Routes of batch jobs."""

    jobs: BatchJobs
    signer: ResultSigner
    sender: DirectSender
    seal: TokenSeal
    root: str
    """URL of the API, without a slash at the end."""
    tariff: Tariff | None
    """None where nothing costs anything."""
    estimating: Preparing
    graphs: SentGraphs

    def routes(self) -> list[Route]:
        """Declare them."""
        one = "/jobs/{job_id}"
        return [
            guarded("/jobs", self.create, methods=["POST"], action="run", max_body_bytes=BODY_BYTES, name="create_batch_job"),
            guarded("/jobs", self.list_jobs, methods=["GET"], action="run", name="list_batch_jobs"),
            guarded(one, self.show, methods=["GET"], action="run"),
            guarded(one, self.edit, methods=["PATCH"], action="run", max_body_bytes=BODY_BYTES),
            guarded(one, self.delete, methods=["DELETE"], action="run"),
            guarded(f"{one}/estimate", self.estimate, methods=["GET"], action="run"),
            guarded(f"{one}/logs", self.list_log, methods=["GET"], action="run"),
            guarded(f"{one}/results", self.start, methods=["POST"], action="run"),
            guarded(f"{one}/results", self.stop, methods=["DELETE"], action="run"),
            guarded(f"{one}/results", self.list_results, methods=["GET"], action="run"),
        ]

    def signed_routes(self) -> list[Route]:
        """Declare those of which the address is the permission; they are no part of the standard."""
        return [
            guarded("/jobs/{job_id}/results/collection.json", self.list_signed_results, methods=_BYTES, action="public"),
            guarded("/jobs/{job_id}/results/assets/{name}", self.get_file, methods=_BYTES, action="public"),
            guarded("/results/{signature}/{job_id}/{name}/{path:path}", self.get_file_of_folder, methods=_BYTES, action="public"),
            guarded("/results/{signature}/{job_id}/{name}", self.refuse_folder, methods=_BYTES, action="public"),
        ]

    async def create(self, request: Request) -> Response:
        """Keep a job."""
        job = await self.jobs.create(request.state.caller, await self.graphs.read(request))
        headers = {"location": f"{self.root}/jobs/{job}", "openeo-identifier": job}
        return Response(status_code=201, headers=headers)

    async def list_jobs(self, request: Request) -> Response:
        """Answer with the caller's jobs, newest first."""
        page = read_page(request, f"{self.root}/jobs", self.seal)
        found = await self.jobs.list_jobs(request.state.caller, limit=page.limit + 1, before=page.after)
        shown, links = page.cut(found, lambda each: each.batch.id)
        return to_json({"jobs": [write_job(seen, root=self.root, tariff=self.tariff) for seen in shown], "links": links})

    async def show(self, request: Request) -> Response:
        """Answer with all that is known of a job."""
        seen = await self._see(request)
        process = await self.jobs.store.get_process(seen.batch.id)
        return to_json(write_job(seen, root=self.root, tariff=self.tariff, process=process))

    async def edit(self, request: Request) -> Response:
        """Change a job."""
        body = await self.graphs.read(request)
        await self.jobs.edit(request.state.caller, request.path_params["job_id"], body)
        return Response(status_code=204)

    async def delete(self, request: Request) -> Response:
        """Forget a job and its results."""
        await self.jobs.delete(request.state.caller, request.path_params["job_id"])
        return Response(status_code=204)

    async def estimate(self, request: Request) -> Response:
        """Answer with what a job will take; nothing is computed for that."""
        seen = await self._see(request)
        process = orjson.loads(await self.jobs.store.get_process(seen.batch.id))
        told = await self.estimating.estimate(request.state.caller, {**seen.batch.document, "process": process})
        return to_json(write_estimate(told, self.tariff))

    async def list_log(self, request: Request) -> Response:
        """Answer with what a job has told so far."""
        seen, query = await self._see(request), request.query_params
        kept = seen.batch.document.get("log_level", DEFAULT_LOG_LEVEL)
        level = min(query.get("level") or "debug", kept, key=lambda each: len(levels_from(each)))
        limit, offset = read_limit(request, _MOST_LINES), query.get("offset") or "0"
        if offset == END:
            return to_json({"level": level, "logs": [], "links": []})
        if not (offset.isascii() and offset.isdigit() and len(offset) < 16):
            raise InvalidInputError(f"There is no log entry {offset[:40]!r}.", remedy="Send the id of one as it was given.")
        lines = await self.jobs.list_log(seen, after=int(offset), levels=levels_from(level), limit=limit + 1)
        logs, links = [write_log_line(line) for line in lines[:limit]], []
        end = await self._find_end(seen)
        if len(lines) > limit or (end is not None and len(logs) == limit):
            url = f"{self.root}/jobs/{seen.batch.id}/logs"
            links.append({"rel": "next", "href": f"{url}?limit={limit}&level={level}&offset={lines[limit - 1].number}"})
        elif end is not None:
            logs.append(end)
        return to_json({"level": level, "logs": logs, "links": links})

    async def _find_end(self, seen: SeenJob) -> JsonObject | None:
        """Return the entry of why a job failed, unless its child has written one, with the node."""
        end = _write_end(seen)
        if end is None:
            return None
        errors = await self.jobs.list_log(seen, after=0, levels=("error",), limit=LOG_LINES)
        return None if any(each.message == end["message"] for each in errors) else end

    async def start(self, request: Request) -> Response:
        """Have a job done."""
        await self.jobs.start(request.state.caller, request.path_params["job_id"])
        return Response(status_code=202)

    async def stop(self, request: Request) -> Response:
        """Cancel a job."""
        await self.jobs.stop(request.state.caller, request.path_params["job_id"])
        return Response(status_code=204)

    async def list_results(self, request: Request) -> Response:
        """Answer with the results, or why there are none."""
        seen = await self._see(request)
        is_partial = request.query_params.get("partial", "false") in {"true", ""}
        end = None if is_partial else _write_end(seen)
        if end is not None:
            return to_json(end, 424)
        assets = await self.jobs.list_results(seen, is_partial=is_partial)
        wants_item = "application/geo+json" in request.headers.get("accept", "")
        document = await self._describe(seen, assets, self.signer.expiry(), write=write_item if wants_item else write_collection)
        costs = {} if self.tariff is None else {"openeo-costs": "0"}  # downloads are free
        return to_json(document, headers={"openeo-identifier": seen.batch.id, **costs, **_PRIVATE})

    async def list_signed_results(self, request: Request) -> Response:
        """Answer with the results; addresses in it are good for as long as the one that was asked for."""
        job = request.path_params["job_id"]
        until = self.signer.verify_metadata(job, request.scope["query_string"])
        seen = await self.jobs.get_vouched(job)
        assets = await self.jobs.list_results(seen, is_partial=True)
        return to_json(await self._describe(seen, assets, until), headers=_PRIVATE)

    async def get_file(self, request: Request) -> Response:
        """Answer with the bytes of a result."""
        job, name = request.path_params["job_id"], request.path_params["name"]
        self.signer.verify_file(job, name, request.scope["query_string"])
        asset, file = await self.jobs.get_file(job, name)
        return await self._send(name, asset.get("type"), file)

    async def refuse_folder(self, request: Request) -> Response:
        """Say at the address of a result that is a folder, where clients look for a file, how it is read."""
        job, name = request.path_params["job_id"], request.path_params["name"]
        self.signer.verify_folder(job, name, request.path_params["signature"])
        raise NotFoundError(
            f"{name!r} is a folder (Zarr), which is no single file to download.",
            remedy="Open this address with xarray.open_zarr(), or save the result as netCDF to have one file.",
        )

    async def get_file_of_folder(self, request: Request) -> Response:
        """Answer with the bytes of a file in a result that is a folder."""
        job, name, path = (request.path_params[each] for each in ("job_id", "name", "path"))
        if not path:
            return await self.refuse_folder(request)
        self.signer.verify_folder(job, name, request.path_params["signature"])
        _, file = await self.jobs.get_file(job, name, path)
        filename = path.rpartition("/")[2]
        return await self._send(filename, "application/json" if filename.endswith(".json") else None, file)

    async def _send(self, filename: str, media_type: str | None, file: StoredObject) -> Response:
        representation, content = await self.sender.open(filename, media_type, Managed(file.sha256, file.size_bytes))
        return ContentResponse(representation, content, _PRIVATE)

    async def _describe(
        self,
        seen: SeenJob,
        assets: list[Asset],
        until: datetime,
        *,
        write: Callable[..., JsonObject] = write_collection,
    ) -> JsonObject:
        process = await self.jobs.store.get_process(seen.batch.id)
        lineage = await self.jobs.results.list_lineage(seen.batch.run or "")
        return write(seen, assets, process=orjson.loads(process), lineage=lineage, signer=self.signer, until=until)

    async def _see(self, request: Request) -> SeenJob:
        return await self.jobs.get(request.state.caller, request.path_params["job_id"])


def _write_end(seen: SeenJob) -> JsonObject | None:
    """Write why a job failed; None where it did not."""
    work = seen.work
    if work is None or work.state is not JobState.FAILED or work.error is None:
        return None
    return write_end(work.error, work.finished_at)
