"""The pages on openEO's processes: which there are, what each does, and examples that run."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from twinlake.console.pages import Pages
from twinlake.console.processing.calls import make_graph, write_json, write_python
from twinlake.console.processing.trying import NOTHING_TO_COMPARE, Expectation, Outcome, Trials, is_same
from twinlake.console.processing.words import explain_work, write_type
from twinlake.console.snippets import Snippets
from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError, NotFoundError
from twinlake.identity.accounts import require_somebody
from twinlake.identity.sessions import require_form_token
from twinlake.identity.web import guarded
from twinlake.processing.openeo.process import REQUIRED, Parameter, Process
from twinlake.processing.openeo.registry import read_processes

_CUBES = "cubes"
_FORM_BYTES = 512 << 10
_MOST_RELATED = 12
_SEE_OTHER = 303


class ProcessNotFoundError(NotFoundError):
    """No process has this id."""

    code = "process-not-found"

    def __init__(self, process_id: str) -> None:
        super().__init__(f"No process {process_id!r} at this site.", remedy="The list of processes has them all.")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedProcesses:
    """The form of the list as it was sent."""

    q: str = ""
    category: str = ""

    def has(self, process: Process) -> bool:
        """Tell whether a process has the category and all words, in its id or what is said of it."""
        text = " ".join((process.id, process.summary, process.description, *process.categories)).casefold()
        is_in = not self.category or self.category in process.categories
        return is_in and all(word in text for word in self.q.casefold().split())


class ProcessPages:
    """The list, a page for each process, and its forms."""

    def __init__(self, *, pages: Pages, trials: Trials) -> None:
        self._pages = pages
        self._trials = trials

    def routes(self) -> list[BaseRoute]:
        """Declare them."""
        one = "/processing/processes/{process_id}"
        return [
            guarded("/processing", self.lead, methods=["GET"], action="public", name="lead_to_processes"),
            guarded("/processing/processes", self.list_all, methods=["GET"], action="public", name="list_processes"),
            guarded(one, self.show, methods=["GET"], action="public", name="show_process"),
            guarded(one, self.run, methods=["POST"], action="run", max_body_bytes=_FORM_BYTES, name="run_process"),
        ]

    async def lead(self, _: Request) -> Response:
        """Lead who guesses the address of the pages on processing to their first."""
        return RedirectResponse(f"{self._pages.addresses.root}/processing/processes", _SEE_OTHER)

    async def list_all(self, request: Request) -> Response:
        """Answer with the processes by category, all or those that are asked for."""
        form = request.query_params
        asked = AskedProcesses(q=form.get("q", "").strip(), category=form.get("category", "").strip())
        processes = await read_processes()
        found = [each for each in processes if asked.has(each)]
        return self._pages.render(
            request,
            "processing/processes.html",
            asked=asked,
            groups=_group(found),
            found=len(found),
            total=len(processes),
            categories=sorted(Counter(name for each in processes for name in each.categories).items()),
            codes=self._snippets(request).list_processes(),
        )

    async def show(self, request: Request) -> Response:
        """Answer with all about a process."""
        return await self._render(request, await _get_process(request))

    async def run(self, request: Request) -> Response:
        """Run a process with the arguments that were sent, and show what came of it beside its example."""
        form = await request.form()
        require_form_token(request.state.form_token, dict(form))
        process, text, number = await _get_process(request), str(form.get("arguments", "")), str(form.get("example", ""))
        examples = _list_examples(process)
        if number not in map(str, range(1, len(examples) + 1)):
            raise InvalidInputError("The process has no example of this number.", remedy="Load the page again.")
        place = int(number) - 1
        owner = require_somebody(request.state.caller)
        outcome = await self._trials.run(process.id, text, request.state.caller, owner, expected=examples[place])
        return await self._render(request, process, {place: (text, outcome)}, status=outcome.status)

    async def _render(
        self, request: Request, process: Process, outcomes: dict[int, tuple[str, Outcome]] | None = None, *, status: int = 200
    ) -> Response:
        done = outcomes or {}
        examples = _list_examples(process)
        arguments = examples[0].arguments if examples else None
        return self._pages.render(
            request,
            "processing/process.html",
            status=status,
            one=_describe(process, await read_processes()),
            examples=[_describe_example(process.id, each, *done.get(place, ())) for place, each in enumerate(examples)],
            can_run="process" in request.state.caller.scopes,
            codes=Snippets(self._pages.site.url, with_token=True).run_process(process.id, arguments),
        )

    def _snippets(self, request: Request) -> Snippets:
        return Snippets(self._pages.site.url, with_token=request.state.caller.principal is not None)


async def _get_process(request: Request) -> Process:
    process_id = request.path_params["process_id"]
    for each in await read_processes():
        if each.id == process_id:
            return each
    raise ProcessNotFoundError(process_id)


def _group(processes: Sequence[Process]) -> list[tuple[str, list[Process]]]:
    """Return processes by category, each once."""
    groups: dict[str, list[Process]] = {}
    for each in processes:
        groups.setdefault(_main_category(each), []).append(each)
    return sorted(groups.items())


def _main_category(process: Process) -> str:
    """Return where a process is listed: with cubes, if it is for these, else in the first of its categories."""
    return _CUBES if _CUBES in process.categories else process.categories[0]


def _list_examples(process: Process) -> list[Expectation]:
    """Return what can be run; a process without parameters needs no example for that."""
    examples = [Expectation(arguments=each["arguments"], returns=each["returns"]) for each in process.examples]
    return examples or ([] if process.parameters else [Expectation(arguments={})])


def _describe(process: Process, processes: Sequence[Process]) -> JsonObject:
    category = _main_category(process)
    way, meaning = explain_work(process)
    return {
        "id": process.id,
        "summary": process.summary,
        "description": process.description,
        "is_experimental": process.is_experimental,
        "categories": process.categories,
        "version": process.version,
        "way": way,
        "meaning": meaning,
        "parameters": [_describe_parameter(each) for each in process.parameters],
        "returns": write_type(process.returns),
        "returned": process.returned,
        "exceptions": list(process.exceptions.items()),
        "category": category,
        "related": _list_related(process, processes),
    }


def _list_related(process: Process, processes: Sequence[Process]) -> list[Process]:
    """Return the processes of the same category that are most like one, by their names and other categories."""
    name, categories = set(process.id.split("_")), set(process.categories)

    def likeness(other: Process) -> tuple[int, int]:
        return len(name.intersection(other.id.split("_"))), len(categories.intersection(other.categories))

    category = _main_category(process)
    found = [each for each in processes if _main_category(each) == category and each is not process]
    return sorted(found, key=likeness, reverse=True)[:_MOST_RELATED]


def _describe_parameter(parameter: Parameter) -> JsonObject:
    return {
        "name": parameter.name,
        "type": write_type(parameter.schema),
        "description": parameter.description,
        "is_deprecated": parameter.is_deprecated,
        "default": None if parameter.default is REQUIRED else write_json(parameter.default),
        "passed": [_describe_parameter(each) for each in parameter.passed],
    }


def _describe_example(
    process_id: str, example: Expectation, text: str | None = None, outcome: Outcome | None = None
) -> JsonObject:
    """Return an example as it is shown: as code, with what was made of it, if it was run."""
    given = outcome.arguments if outcome is not None else example.arguments
    written = write_json(example.arguments)
    imported, call = ("", "") if given is None else write_python(process_id, given)
    return {
        "imported": imported,
        "call": call,
        "graph": "" if given is None else write_json(make_graph(process_id, given)),
        "arguments": written if text is None else text,
        "rows": min(written.count("\n") + 2, 20),
        "expected": None if example.returns is NOTHING_TO_COMPARE else write_json(example.returns),
        "is_changed": not is_same(given, example.arguments),
        "outcome": outcome,
    }
