"""Errors as people read them in a browser; everybody else gets problem details."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from twinlake.console.negotiation import wants_html
from twinlake.console.pages import Pages
from twinlake.console.security import SECURITY_HEADERS
from twinlake.engines.web.problems import Problem, render_problem
from twinlake.identity.errors import SignInRequiredError
from twinlake.identity.principals import ANONYMOUS

_SEE_OTHER = 303
_OWN_PAGES = ("/jobs/", "/tokens/", "/processing/jobs/", "/processing/maps/")


class ProblemPages:
    """Writes an error as a page for who asks for HTML, else as RFC 9457 problem details."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def __call__(self, scope: Scope, problem: Problem) -> Response:
        """Return the answer (an `engines.web.problems.Render`)."""
        if not wants_html(scope):
            return render_problem(scope, problem)
        if problem.code == SignInRequiredError.code and _is_own_page(scope):
            return self._send_to_sign_in(Request(scope))
        # What fails before the caller is known is shown to nobody in particular.
        scope["state"].setdefault("caller", ANONYMOUS)
        scope["state"].setdefault("form_token", "")
        page = self._pages.render(Request(scope), "problem.html", status=problem.status, problem=problem)
        page.headers.update(problem.headers)
        return page

    def _send_to_sign_in(self, request: Request) -> Response:
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        headers = {**SECURITY_HEADERS, "Cache-Control": "private, no-cache", "Vary": "Accept, Cookie"}
        return RedirectResponse(f"{self._pages.addresses.root}/sign-in?next={quote(wanted, safe='')}", _SEE_OTHER, headers)


def _is_own_page(scope: Scope) -> bool:
    """Tell whether a page of the navigation is wanted that nobody sees without signing in."""
    return scope["method"] in {"GET", "HEAD"} and f"{scope['path']}/".startswith(_OWN_PAGES)
