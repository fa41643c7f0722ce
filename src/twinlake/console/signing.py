"""Sign in with a token, and out."""

from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from twinlake.console.pages import Pages
from twinlake.core.errors import TwinlakeError
from twinlake.engines.web.trace import trace_of
from twinlake.identity.errors import CrossSiteFormError
from twinlake.identity.sessions import SessionStore, require_form_token

_SEE_OTHER = 303


class SigningPages:
    """The sign-in page and the two changes of a session."""

    def __init__(self, *, pages: Pages, sessions: SessionStore) -> None:
        self._pages = pages
        self._sessions = sessions

    async def show(self, request: Request) -> Response:
        """Answer with the form."""
        return self._pages.render(request, "sign-in.html", problem=None, next=own_path(request.query_params.get("next")))

    async def sign_in(self, request: Request) -> Response:
        """Open a session and go on to where the visitor wanted to be."""
        # Before a session there is no form token; browsers that could be misused tell where a form was sent from.
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise CrossSiteFormError("Sign-in must come from a page of this site.", remedy="Use the site's own sign-in page.")
        form = await request.form()
        target = own_path(str(form.get("next", "")))
        try:
            session = await self._sessions.open_session(str(form.get("token", "")), client=trace_of(request.scope).client or "")
        except TwinlakeError as error:
            problem = f"{error.message} {error.remedy or ''}".strip()
            return self._pages.render(request, "sign-in.html", status=error.status, problem=problem, next=target)
        response = self._redirect(target)
        self._sessions.set_cookie(response, session)
        return response

    async def sign_out(self, request: Request) -> Response:
        """Close the session, if there still is one."""
        if request.state.form_token:
            require_form_token(request.state.form_token, dict(await request.form()))
            await self._sessions.close_session(request.state.session_secret)
        response = self._redirect("/")
        self._sessions.clear_cookie(response)
        return response

    def _redirect(self, path: str) -> Response:
        return RedirectResponse(self._pages.addresses.root + path, _SEE_OTHER)


def own_path(wanted: str | None) -> str:
    """Return *wanted* if it is a path of this site, else the home page: nobody is sent elsewhere."""
    try:
        parts = urlsplit(wanted or "/")
    except ValueError:
        return "/"
    if parts.scheme or parts.netloc or not parts.path.startswith("/") or parts.path.startswith(("//", "/\\")):
        return "/"
    return quote(parts.path, safe="/%") + (f"?{quote(parts.query, safe='=&%+,:')}" if parts.query else "")
