"""How far a request reaches: which sites are asked, and whether all of them must answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.discovery.data.names import refuse_unknown
from twinlake.federation.search.models import EVERYWHERE, Scope

BACKENDS, STRICT, LOCAL = "federation:backends", "federation:strict", "federation:local"
MISSING = "federation:missing"
"""Member of answers: ids of the sites that should have answered and did not."""
REACH_MEMBERS = frozenset({BACKENDS, STRICT, LOCAL})
_MOST_BACKENDS = 100
_TRUTH = {"true": True, "false": False, True: True, False: False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Which sites a request is for."""

    scope: Scope = EVERYWHERE
    stays_here: bool = False
    """Whether no other site may be asked."""


ALL_SITES = Reach()


def read_reach(given: Mapping[str, Any]) -> Reach:
    """Check the members that say which sites are asked.

    Raises
    ------
    InvalidInputError
        One is not of its form.
    """
    if REACH_MEMBERS.isdisjoint(given):
        return ALL_SITES
    backends = given.get(BACKENDS)
    if isinstance(backends, str):
        backends = [backends]
    if backends is not None and not _are_names(backends):
        raise InvalidInputError(f"{BACKENDS!r} must be a list of at most {_MOST_BACKENDS} ids of sites.")
    scope = Scope(backends=None if not backends else frozenset(backends), strict=_read_truth(given, STRICT))
    return Reach(scope=scope, stays_here=_read_truth(given, LOCAL))


def take_backends(members: JsonObject) -> JsonObject:
    """Return *members* with the sites that `query` asks for in a member of their own: clients of the Data Lake say it so.

    Raises
    ------
    InvalidInputError
        The operator is neither ``eq`` nor ``in``, or both places name sites.
    """
    query = members.get("query")
    if not isinstance(query, dict) or BACKENDS not in query:
        return members
    operators = query[BACKENDS]
    if not isinstance(operators, dict) or len(operators) != 1 or BACKENDS in members:
        raise InvalidInputError(f"{BACKENDS!r} must be asked for once.", remedy='Write {"eq": id} or {"in": [ids]}.')
    [(operator, value)] = operators.items()
    refuse_unknown([operator], ("eq", "in"), what=f"operator of {BACKENDS!r}")
    rest = {name: value for name, value in query.items() if name != BACKENDS}
    return {**members, "query": rest or None, BACKENDS: [value] if operator == "eq" else value}


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _MOST_BACKENDS and all(isinstance(name, str) and name for name in value)


def _read_truth(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, str | bool) or value not in _TRUTH:
        raise InvalidInputError(f"{name!r} must be true or false.")
    return _TRUTH[value]
