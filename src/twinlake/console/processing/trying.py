"""Running a process with arguments that somebody wrote on a page, and telling what came of it."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import orjson

from twinlake.console.processing.calls import make_graph, write_json
from twinlake.core.documents import JsonObject
from twinlake.core.nesting import is_nested_deeper
from twinlake.identity.principals import Caller, Principal
from twinlake.processing.openeo.answers import Failure
from twinlake.processing.openeo.computing import Computing
from twinlake.processing.openeo.definition_store import DefinitionStore
from twinlake.processing.openeo.made import Result
from twinlake.standards.openeo.errors import OpenEoError, ProcessInvalidError
from twinlake.standards.openeo.graph import MAX_DEPTH, Fault

MOST_BYTES = 64 << 10
"""Of arguments in JSON."""
_SHOWN = 20_000
"""Characters of a result; of one that has more only the beginning is shown."""
_REMEDIES = MappingProxyType(
    {
        "Internal": "This is a mistake of the site: tell its operator, with the arguments.",
        "ProcessGraphComplexity": "Give it less to do, or send the graph as a batch job.",
        "ProcessParameterInvalid": "See under Parameters what it takes.",
        "ProcessParameterRequired": "Give it: see under Parameters.",
        "ProcessParameterUnsupported": "Leave it out: see under Parameters what there is.",
        "ProcessUnsupported": "See the list of processes for those that this site has.",
    }
)
_USUAL_REMEDY = "Change the arguments and run it again."
NOTHING_TO_COMPARE: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why there is no result, and what to do."""

    code: str
    message: str
    remedy: str
    argument: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a run."""

    arguments: JsonObject | None
    """As they were understood; None where they were not."""
    result: str = ""
    """In JSON; empty where there are problems."""
    is_expected: bool | None = None
    """Whether it is what the example says; None where nothing is said."""
    problems: Sequence[Problem] = ()
    status: int = 200
    """Of the answer to the browser."""


class Trials:
    """Runs processes where the API runs them."""

    def __init__(self, *, computing: Computing, defined: DefinitionStore) -> None:
        self._computing = computing
        self._defined = defined

    async def run(self, process_id: str, text: str, caller: Caller, owner: Principal, *, expected: "Expectation") -> Outcome:
        """Run a process with the arguments of *text*, for *caller*; callbacks may call the processes of *owner*, who it is."""
        arguments = None
        try:
            arguments = _read_arguments(text.encode())
            graph = orjson.dumps(make_graph(process_id, arguments))
            called = await self._defined.list_called(owner, graph)
            answer = await self._computing.compute(graph, called, caller, identifier=caller.request_id)
        except OpenEoError as error:
            problem = Problem(code=error.code, message=error.message, remedy=error.remedy or _find_remedy(error.code))
            return Outcome(arguments=arguments, problems=[problem], status=error.status)
        if not isinstance(answer, Result):
            return Outcome(arguments=arguments, problems=_list_problems(answer), status=400)
        if isinstance(answer.content, bytes):
            shown, is_expected = _read_result(answer.content, arguments, expected)
            return Outcome(arguments=arguments, result=shown, is_expected=is_expected)
        answer.content.content.close()
        problem = Problem(code="FeatureUnsupported", message="It makes a file.", remedy="Send it to the API: see below.")
        return Outcome(arguments=arguments, problems=[problem], status=400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What an example says."""

    arguments: JsonObject
    returns: Any = NOTHING_TO_COMPARE


def _read_arguments(text: bytes) -> JsonObject:
    remedy = 'Write an object with the arguments by name, such as {"x": 1}.'
    if len(text) > MOST_BYTES:
        raise ProcessInvalidError(
            f"The arguments have more than {MOST_BYTES >> 10} KiB.", remedy="Send so many with a program: see below."
        )
    if is_nested_deeper(text, MAX_DEPTH):
        raise ProcessInvalidError("The arguments are nested too deeply, or brackets do not close.", remedy=remedy)
    try:
        arguments = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ProcessInvalidError(f"The arguments are not JSON: {error}.", remedy=remedy) from None
    if not isinstance(arguments, dict):
        raise ProcessInvalidError("The arguments are JSON, but no object.", remedy=remedy)
    return arguments


def _read_result(answer: bytes, arguments: JsonObject, expected: Expectation) -> tuple[str, bool | None]:
    """Return a result as it is shown, and whether it is the one that an example says these arguments have."""
    if len(answer) > _SHOWN:
        return answer[:_SHOWN].decode(errors="ignore") + " …", None
    result = json.loads(answer)
    is_example = expected.returns is not NOTHING_TO_COMPARE and is_same(arguments, expected.arguments)
    return write_json(result), is_same(result, expected.returns) if is_example else None


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two values of JSON are the same, but for the last digits of numbers."""
    match one, other:
        case (bool(), _) | (_, bool()):
            return one is other
        case ((int() | float()), (int() | float())):
            return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(one) and math.isnan(other))
        case list(), list():
            return len(one) == len(other) and all(map(is_same, one, other))
        case dict(), dict():
            return one.keys() == other.keys() and all(is_same(value, other[name]) for name, value in one.items())
    return bool(one == other)


def _list_problems(answer: Failure | Sequence[Fault]) -> list[Problem]:
    if isinstance(answer, Failure):
        return [Problem(code=answer.code, message=answer.message, remedy=_find_remedy(answer.code))]
    return [
        Problem(code=each.code, message=each.message, remedy=_find_remedy(each.code), argument=each.argument) for each in answer
    ]


def _find_remedy(code: str) -> str:
    return _REMEDIES.get(code, _USUAL_REMEDY)
