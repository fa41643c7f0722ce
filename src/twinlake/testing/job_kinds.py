"""Kinds of jobs for tests."""

from datetime import timedelta

import orjson

from twinlake.core.documents import JsonObject
from twinlake.engines.sandbox import Limits
from twinlake.identity.principals import Caller
from twinlake.jobs.models import JobKind, Retry


async def accept_any(_caller: Caller, spec: JsonObject) -> JsonObject:
    """Take a specification as it is."""
    return spec


def whole(spec: JsonObject) -> str:
    """Let requests with equal specifications share runs (`JobKind.content`)."""
    return orjson.dumps(spec, option=orjson.OPT_SORT_KEYS).decode()


def job_kind(name: str = "count", **changes: object) -> JobKind:
    """Make a kind of job whose child is a function of `twinlake.testing.job_children`."""
    defaults: dict[str, object] = {
        "child": f"twinlake.testing.job_children:{name}",
        "prepare": accept_any,
        "limits": Limits(memory_bytes=1 << 30, cpu_seconds=60, file_bytes=1 << 20),
        "concurrent": 2,
        "readable": None,
        "stall": timedelta(minutes=1),
        "longest": timedelta(minutes=10),
        "retry": Retry(failures=3, first_delay=timedelta(seconds=1)),
    }
    return JobKind(name=name, **{**defaults, **changes})  # type: ignore[arg-type]  # checked by the class itself
