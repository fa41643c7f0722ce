"""What is written down of a batch job, for a run that may begin much later and in another process."""

from collections.abc import Mapping
from typing import Any

import msgspec

from twinlake.processing.openeo.quotas.models import Need


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run does: everything that it depends on and that may change is in it."""

    graph: dict[str, Any]
    definitions: Mapping[str, Any]
    """The user-defined processes that the graph may call, by id, as they were when the job was started."""
    log_level: str
    inline_cubes: bool
    options: Mapping[str, Any]
    """``job_options``."""
    pins: Mapping[str, Any]
    """What the graph loads, as it was when the job was started, or made: `loading.pins.read_pinned` reads it."""
    identity: str | None
    """Of the result; None where it has none (`PinnedGraph.identity`)."""
    need: Need | None
    """What it takes, told beforehand; None where that depends on what is in the data."""
    priority: int
    """As the journal of jobs has it (`jobs.turns`)."""
    sharing_key: str | None
    """What orders have in common that one run fulfils; None where this one has its own."""
    memory_bytes: int = 2 << 30
    """What the processes that compute may take together; the default is that of orders of earlier versions."""


class Frozen(msgspec.Struct, frozen=True):
    """What a graph calls and loads, as it was when its job was made."""

    definitions: Mapping[str, Any]
    pins: Mapping[str, Any]
