"""What children answer about graphs, read; as Python has it: a value, faults of the graph, or a failure."""

import json
import logging
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from twinlake.processing.openeo.graphs import refuse, refuse_for
from twinlake.processing.openeo.loading.pins import PinnedLoads, is_exact
from twinlake.processing.openeo.pinned_graph import PinnedGraph
from twinlake.standards.openeo.errors import OpenEoError, ProcessError
from twinlake.standards.openeo.graph import Fault

_Found = TypeVar("_Found")


class Failure(msgspec.Struct, frozen=True):
    """Why a graph, with which nothing was wrong, had no result."""

    code: str
    """One of openEO's; ``Internal`` is a mistake of the site."""
    message: str
    node: str = ""
    """Path of node ids from the outermost graph."""


def require_found(found: _Found | list[Fault] | Failure) -> _Found:
    """Return what was found.

    Raises
    ------
    OpenEoError
        The graph is wrong, or fails.
    """
    if isinstance(found, Failure):
        raise refuse_for(found.code, found.message, found.node)
    if isinstance(found, list):
        raise refuse(found)
    return found


def read_pinned_graph(told: Mapping[str, Any], pinned: PinnedLoads) -> PinnedGraph:
    """Return what a child told of a graph that it has run dry on *pinned*."""
    # A file that is known by size and time alone may be another one next time: no result of it is the same as any other.
    identity = told.get("identity") if all(is_exact(each) for each in pinned.values()) else None
    return PinnedGraph(loads=pinned, identity=identity, is_private=told.get("is_private", True))


def read_answer(content: bytes) -> dict[str, Any]:
    """Return what a child answered; where it made a mistake is for the operator, in the site's log."""
    told: dict[str, Any] = json.loads(content)
    if trace := told.pop("trace", None):
        logging.getLogger(__name__).error("a process made a mistake: %s", trace)
    return told


def read_wrong(told: Mapping[str, Any]) -> list[Fault] | Failure | None:
    """Return what a child found to be wrong; None where nothing is."""
    if told.get("faults"):
        return [Fault(**each) for each in told["faults"]]
    return Failure(**told["error"]) if "error" in told else None


def read_failure(error: OpenEoError) -> Failure:
    """Return an error of the site's own as a child would tell it."""
    code = error.reason if isinstance(error, ProcessError) else error.code
    message = f"{error.message} {error.remedy or ''}".rstrip()
    return Failure(code, message, "/".join(each["node_id"] for each in reversed(error.path)))
