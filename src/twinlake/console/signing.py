"""Sign in with a token, and out."""

from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from twinlake.console.pages import Pages
from twinlake.core.errors import TwinlakeError
from twinlake.engines.web.trace import trace_of
from twinlake.identity.sessions import SessionStore, require_form_token

_SEE_OTHER = 303


class SigningPages:
    """The sign-in page and the two changes of a session."""

    def __init__(self, *, pages: Pages, sessions: SessionStore) -> None:
        self._pages = pages
        self._sessions = sessions

    async def show(self, request: Request) -> Response:
        """Answer with the form."""
        return self._pages.render(request, "sign-in.html", problem=None, next=_own_path(request.query_params.get("next")))

    async def sign_in(self, request: Request) -> Response:
        """Open a session and go on to where the visitor wanted to be."""
        form = await request.form()
        target = _own_path(str(form.get("next", "")))
        try:
            session = await self._sessions.open_session(str(form.get("token", "")), client=trace_of(request.scope).client or "")
        except TwinlakeError as error:
            problem = f"{error.message} {error.remedy or ''}".strip()
            return self._pages.render(request, "sign-in.html", status=error.status, problem=problem, next=target)
        response = RedirectResponse(request.scope.get("root_path", "") + target, _SEE_OTHER)
        self._sessions.set_cookie(response, session)
        return response

    async def sign_out(self, request: Request) -> Response:
        """Close the session."""
        require_form_token(request.state.form_token, dict(await request.form()))
        await self._sessions.close_session(request.state.session_secret)
        response = RedirectResponse(request.scope.get("root_path", "") + "/", _SEE_OTHER)
        self._sessions.clear_cookie(response)
        return response


def _own_path(wanted: str | None) -> str:
    """Return *wanted* if it is a path of this site, else the home page: nobody is sent elsewhere."""
    parts = urlsplit(wanted or "/")
    is_own = not parts.scheme and not parts.netloc and parts.path.startswith("/") and not parts.path.startswith(("//", "/\\"))
    return quote(parts.path, safe="/%") + (f"?{parts.query}" if parts.query else "") if is_own else "/"
