"""Sign in with an account or a token, and out."""

from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from twinlake.console.farewells import Farewells
from twinlake.console.pages import Pages
from twinlake.core.errors import TwinlakeError
from twinlake.engines.web.trace import trace_of
from twinlake.identity.errors import CrossSiteFormError
from twinlake.identity.principals import ANONYMOUS
from twinlake.identity.relying import CALLBACK, PENDING_LIFE, SIGNED_OUT, SignIn
from twinlake.identity.sessions import SessionStore

_SEE_OTHER = 303


class SigningPages:
    """The sign-in page, the way to a home and back, and the two changes of a session."""

    def __init__(self, *, pages: Pages, sessions: SessionStore, sign_in: SignIn, farewells: Farewells) -> None:
        self._farewells = farewells
        self._pages = pages
        self._sessions = sessions
        self._sign_in = sign_in

    async def show(self, request: Request) -> Response:
        """Answer with the homes and the form for a token; where there is one home and the form is not asked for, go there."""
        target, homes = own_path(request.query_params.get("next")), self._sign_in.list_homes()
        if len(homes) == 1 and not _asks_for_form(request):
            return self._go_to(homes[0].id, target)
        return self._render(request, target=target)

    async def go_home(self, request: Request) -> Response:
        """Send the browser to where its account is."""
        return self._go_to(request.path_params["home"], own_path(request.query_params.get("next")))

    def _go_to(self, home: str, target: str) -> Response:
        pending = self._sign_in.begin(home, target=target)
        response = RedirectResponse(pending.url, _SEE_OTHER)
        # Lax: it must come back when the home sends the browser here.
        response.set_cookie(
            self._sign_in.cookie_name,
            pending.cookie,
            max_age=int(PENDING_LIFE.total_seconds()),
            path=CALLBACK,
            secure=self._sessions.secure,
            httponly=True,
            samesite="lax",
        )
        return response

    async def come_back(self, request: Request) -> Response:
        """Open a session for who comes back from home."""
        cookie = request.cookies.get(self._sign_in.cookie_name, "")
        try:
            done = await self._sign_in.finish(request.query_params, cookie=cookie)
            client = trace_of(request.scope).client or ""
            session = await self._sessions.open_session(done.token, client=client, way_out=done.way_out)
        except TwinlakeError as error:
            return self._render(request, target="/", error=error)
        # A page of this site goes on: what another site's redirect leads to does not get the session's strict cookie.
        response = self._pages.render(request, "signed-in.html", target=self._pages.addresses.root + done.target)
        response.delete_cookie(self._sign_in.cookie_name, path=CALLBACK)
        self._sessions.set_cookie(response, session)
        return response

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
            return self._render(request, target=target, error=error)
        response = self._redirect(target)
        self._sessions.set_cookie(response, session)
        return response

    async def sign_out(self, request: Request) -> Response:
        """Close the session, and end the sign-in that it stands on where the account is.

        What brings no cookie changes nothing: a form of another site's has none with it.
        """
        secret = request.cookies.get(self._sessions.cookie_name)
        if not secret:
            return self._redirect(SIGNED_OUT)
        way_out = await self._sessions.close_session(secret, dict(await request.form()))
        request.state.caller, request.state.form_token = ANONYMOUS, ""
        farewell = await self._sign_in.leave(way_out, request_id=trace_of(request.scope).request_id) if way_out else None
        # A page of this site goes on: browsers hold ``form-action`` against where a form's answer would lead, too.
        response = (
            self._redirect(SIGNED_OUT)
            if farewell is None
            else self._pages.render(request, "signed-out.html", left=farewell.home, target=farewell.url)
        )
        self._sessions.clear_cookie(response)
        self._farewells.note(response, is_everywhere=bool(way_out))
        return response

    def _render(self, request: Request, *, target: str, error: TwinlakeError | None = None) -> Response:
        problem = None if error is None else f"{error.message} {error.remedy or ''}".strip()
        return self._pages.render(
            request,
            "sign-in.html",
            status=200 if error is None else error.status,
            problem=problem,
            next=target,
            with_token=error is not None or _asks_for_form(request),
            homes=self._sign_in.list_homes(),
        )

    def _redirect(self, path: str) -> Response:
        return RedirectResponse(self._pages.addresses.root + path, _SEE_OTHER)


def _asks_for_form(request: Request) -> bool:
    return request.query_params.get("with") == "token"


def own_path(wanted: str | None) -> str:
    """Return *wanted* if it is a path of this site, else the home page: nobody is sent elsewhere."""
    try:
        parts = urlsplit(wanted or "/")
    except ValueError:
        return "/"
    if parts.scheme or parts.netloc or not parts.path.startswith("/") or parts.path.startswith(("//", "/\\")):
        return "/"
    return quote(parts.path, safe="/%") + (f"?{quote(parts.query, safe='=&%+,:')}" if parts.query else "")
