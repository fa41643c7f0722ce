"""What is told of a result beside its cells: in the file where it has a place for it, and in the STAC beside it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson

from twinlake.core.documents import JsonObject
from twinlake.processing.openeo.formats.texts import without_controls

REMOVED = "removed"
MAX_EMBEDDED = 60_000
"""Bytes of graph and lineage that are put into a file; larger ones are in the STAC alone."""
_SECRET = re.compile(
    r"(?:^|[^a-z])(?:(?:[a-z]+[_-]?)?token|pass(?:word|wd|phrase)?|secret|credentials?|authorization|auth|bearer|sig|signature"
    r"|cookie|(?:api|access|account|private|secret|sas|x)[_-]?key(?:[_-]?id)?)(?:$|[^a-z])",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CARRIED = re.compile(
    r"(?:x-amz-|x-goog-)|^(?:AWSAccessKeyId|GoogleAccessId|Key-Pair-Id|Policy|sas|se|sv|sp|sr|skoid|key)$", re.IGNORECASE
)
_URL = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)(?:(?P<user>[^/?#@\s]*)@)?(?P<rest>[^\s\"'<>]*)", re.IGNORECASE)
_QUERY = re.compile(r"(?<=[?&#;])([^=&#;\s\"'<>]+)=([^&#;\s\"'<>]*)")
_BARE = re.compile(
    r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*|\bBearer\s+[\w./+~=-]{8,}|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|$)",
    re.DOTALL,
)
_ASSIGNED = re.compile(
    r"(?P<name>[\"']?\b[\w.-]+\b[\"']?\]?\s*[=:]\s*)(?P<quote>[\"'])(?P<value>(?:\\.|(?!(?P=quote)).)+)(?P=quote)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFacts:
    """What a result came of."""

    identifier: str
    """Of the result: equal ones have equal cells and labels."""
    title: str
    graph: JsonObject
    """The process graph; secrets are removed from it when it is written."""
    lineage: Sequence[JsonObject] = ()
    """What was read, as `loading.pins.write_lineage` tells it."""

    def embedded(self) -> dict[str, str]:
        """Return the texts that files carry, by name."""
        texts = {"title": without_controls(self.title), "identifier": without_controls(self.identifier)}
        graph = orjson.dumps(without_secrets(self.graph)).decode()
        lineage = orjson.dumps(without_secrets(list(self.lineage))).decode()
        if len(graph) + len(lineage) <= MAX_EMBEDDED:
            texts |= {"openeo_process_graph": graph, "openeo_lineage": lineage}
        return texts


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFile:
    """A file of a result, or a directory that is one."""

    path: PurePosixPath
    """Within the folder of the result."""
    media_type: str
    title: str
    roles: tuple[str, ...] = ("data",)
    fields: JsonObject = field(default_factory=dict)
    """What the asset of STAC has beside: ``proj:*``, ``bands``, ``data_type``, ``nodata``, ``raster:*``, ``cube:*``."""
    start: str | None = None
    """RFC 3339, of the standard calendar: what the file's data are of, closed at its start; None where they have no time."""
    end: str | None = None
    """Open at its end; equal to *start* where the data are of an instant."""
    bbox: tuple[float, float, float, float] | None = None
    """West, south, east, north in degrees; west > east crosses the antimeridian."""


def without_secrets(value: Any) -> Any:
    """Return JSON without what looks like a secret: arguments by their names, signatures in URLs, tokens in texts."""
    if isinstance(value, dict):  # within the depth of a graph
        return {name: REMOVED if _is_secret(name, each) else without_secrets(each) for name, each in value.items()}
    if isinstance(value, list):
        return [without_secrets(each) for each in value]
    if not isinstance(value, str):
        return value
    text = _URL.sub(_open_url, value)
    text = _ASSIGNED.sub(_open_assignment, text)
    return _BARE.sub(REMOVED, text)


def without_queries(value: Any) -> Any:
    """Return JSON with URLs cut before their query and without names in front of hosts: results are passed on to others."""
    if isinstance(value, dict):  # within the depth of a graph
        return {name: without_queries(each) for name, each in value.items()}
    if isinstance(value, list):
        return [without_queries(each) for each in value]
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        return value
    try:
        parts = urlsplit(value)
    except ValueError:
        return ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _is_secret(name: str, value: Any) -> bool:
    return isinstance(value, str | list | int | float) and not isinstance(value, bool) and _names_secret(name)


def _names_secret(name: str) -> bool:
    return _SECRET.search(_CAMEL.sub("_", name).replace("_", "-")) is not None


def _open_url(found: re.Match[str]) -> str:
    rest = _QUERY.sub(_open_parameter, found["rest"])
    user = f"{REMOVED}@" if found["user"] else ""
    return f"{found['scheme']}{user}{rest}"


def _open_parameter(found: re.Match[str]) -> str:
    name, value = found.groups()
    hides = _names_secret(name) or _CARRIED.search(name)
    return f"{name}={REMOVED if hides else value}"


def _open_assignment(found: re.Match[str]) -> str:
    if not _names_secret(found["name"].strip(" \t\"'=:]")):
        return found[0]
    return f"{found['name']}{found['quote']}{REMOVED}{found['quote']}"
