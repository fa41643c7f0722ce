"""Ingest as a kind of job."""

from datetime import timedelta

from twinlake.engines.sandbox import Limits
from twinlake.holdings.ingest.service import IngestService
from twinlake.jobs.models import JobKind, Retry

INGEST = "ingest"
_STALL = timedelta(minutes=5)
_LONGEST = timedelta(days=2)
_RETRY = Retry(failures=6, first_delay=timedelta(milliseconds=500))


def ingest_kind(*, service: IngestService, limits: Limits, concurrent: int, stall: timedelta = _STALL) -> JobKind:
    """Make the kind.

    Parameters
    ----------
    stall
        How long one file may take without a sign that it gets on; its reader is ended then.
    """
    return JobKind(
        name=INGEST,
        child="twinlake.holdings.ingest.child:ingest",
        prepare=service.prepare,
        limits=limits,
        concurrent=concurrent,
        stall=stall,
        longest=_LONGEST,
        retry=_RETRY,
    )
