"""Errors as people read them in a browser; everybody else gets problem details."""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from twinlake.console.pages import Pages
from twinlake.engines.web.problems import Problem, render_problem
from twinlake.identity.principals import ANONYMOUS


class ProblemPages:
    """Writes an error as a page for who asks for HTML, else as RFC 9457 problem details."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def __call__(self, scope: Scope, problem: Problem) -> Response:
        """Return the answer (an `engines.web.problems.Render`)."""
        if "text/html" not in Headers(scope=scope).get("accept", ""):
            return render_problem(scope, problem)
        scope["state"].setdefault("caller", ANONYMOUS)
        page = self._pages.render(
            Request(scope),
            "problem.html",
            status=problem.status,
            code=problem.status,
            message=problem.detail,
            remedy=problem.remedy,
            ticket=problem.ticket,
        )
        page.headers.update(problem.headers)
        return page
