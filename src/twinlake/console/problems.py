"""Errors as people read them in a browser; everybody else gets problem details."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from twinlake.console.negotiation import wants_html
from twinlake.console.pages import Pages
from twinlake.engines.web.problems import Problem, render_problem
from twinlake.identity.principals import ANONYMOUS


class ProblemPages:
    """Writes an error as a page for who asks for HTML, else as RFC 9457 problem details."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def __call__(self, scope: Scope, problem: Problem) -> Response:
        """Return the answer (an `engines.web.problems.Render`)."""
        if not wants_html(scope):
            return render_problem(scope, problem)
        # What fails before the caller is known is shown to nobody in particular.
        scope["state"].setdefault("caller", ANONYMOUS)
        scope["state"].setdefault("form_token", "")
        page = self._pages.render(Request(scope), "problem.html", status=problem.status, problem=problem)
        page.headers.update(problem.headers)
        return page
