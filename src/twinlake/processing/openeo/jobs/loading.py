"""Results of batch jobs as what other graphs load (``load_stac``)."""

import asyncio
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from twinlake.identity.principals import Caller
from twinlake.processing.openeo.jobs.models import Asset, SeenJob
from twinlake.processing.openeo.jobs.service import SeenJobs
from twinlake.processing.openeo.jobs.signing import ResultSigner
from twinlake.processing.openeo.jobs.wire import status_of
from twinlake.processing.openeo.loading.pins import FilePins, KeptFile, Pins
from twinlake.processing.openeo.loading.planning.labels import no_data
from twinlake.processing.openeo.loading.planning.stac_files import FoundAsset, choose_assets, pin_assets
from twinlake.processing.openeo.loading.requests import LoadRequest
from twinlake.standards.openeo.errors import NotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResults:
    """Finds them (`loading.resolving.Results`): a caller's own, and those of which somebody has a signed address."""

    jobs: SeenJobs
    signer: ResultSigner

    async def resolve(self, request: LoadRequest, path: str, caller: Caller) -> Pins | FilePins:
        """Return what *request* reads of the results at *path*, with the query of its URL; pinned by their hashes.

        Raises
        ------
        NotFoundError, JobNotFoundError
            There is no such job, or it is another's.
        SignatureError, ResultLinkExpiredError
            The address is not signed so, or its time is over.
        JobNotStartedError, JobNotFinishedError
            There is nothing yet, and ``partial=true`` was not asked for.
        ProcessError
            ``NoDataAvailable``: the job has failed, or has made nothing; and what `choose_assets` and `pin_assets` raise.
        """
        query = urlsplit(request.source).query
        match path.split("/"):
            case ["jobs", job, "results"]:
                seen = await self.jobs.get(caller, job)
            case ["jobs", job, "results", "collection.json"]:
                self.signer.verify_metadata(job, query.encode())
                seen = await self.jobs.get_vouched(job)
            case _:
                raise NotFoundError("There are no results of a job at this address.")
        found = await self._list(seen, is_partial=parse_qs(query).get("partial") == ["true"])
        return await asyncio.to_thread(pin_assets, request, *choose_assets(request, [_find(each) for each in found]))

    async def _list(self, seen: SeenJob, *, is_partial: bool) -> list[Asset]:
        if status_of(seen) == "error" and not is_partial:
            raise no_data(f"of job {seen.batch.id}, which has failed")
        found = await self.jobs.list_results(seen, is_partial=is_partial)
        if not found:
            raise no_data(f"of job {seen.batch.id} so far")
        return found


def _find(asset: Asset) -> FoundAsset:
    interval = asset.document.get("interval")
    files = {path: KeptFile(name=path, sha256=file.sha256, size_bytes=file.size_bytes) for path, file in asset.files.items()}
    return FoundAsset(
        name=asset.name, document=asset.document, interval=None if interval is None else (interval[0], interval[1]), files=files
    )
