"""Ingest as a kind of job."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from twinlake.engines.sandbox import Limits
from twinlake.holdings.ingest.service import IngestService
from twinlake.jobs.models import JobKind, Retry

INGEST = "ingest"
_LONGEST = timedelta(days=2)
_RETRY = Retry(failures=6, first_delay=timedelta(milliseconds=500))


def ingest_kind(
    *, service: IngestService, limits: Limits, concurrent: int, stall: timedelta, link_roots: Sequence[Path]
) -> JobKind:
    """Make the kind.

    Parameters
    ----------
    stall
        How long a small file may take without a sign that it gets on; its reader is ended then.
    link_roots
        Folders whose files may be linked: children read there too.
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
        readable=tuple(link_roots),
    )
