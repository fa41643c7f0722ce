"""The page on which somebody lets a device in (RFC 8628, section 3.3), with an account of this site or of another one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from twinlake.core.clock import from_microseconds
from twinlake.engines.web.trace import trace_of
from twinlake.identity.actions import SCOPE_WORDS
from twinlake.identity.errors import TooManyAttemptsError
from twinlake.identity.issuer.clients import ClientRegistry
from twinlake.identity.issuer.devices import DeviceStore, write_user_code
from twinlake.identity.issuer.errors import OAuthError
from twinlake.identity.issuer.flow import Flow
from twinlake.identity.issuer.forms import FormTokens, read_form, read_query
from twinlake.identity.issuer.models import Realm
from twinlake.identity.issuer.session_rows import Session
from twinlake.identity.issuer.sign_in import SignIn
from twinlake.identity.relying import Home

_USER_CODES = "(user codes)"
_NOT_WAITING = "No device waits with this code. Codes are good for ten minutes."


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """Who is asked whether a device may come in."""

    session: Session
    """Within which the device's will be."""
    name: str
    home: Home | None
    """The site that keeps the account; None for this one."""


class Visitors(Protocol):
    """People of other sites who are signed in at this one."""

    async def find(self, cookies: Mapping[str, str]) -> Approver | None:
        """Return who signed in over another site in the browser that has *cookies*, if their home says that this lasts."""
        ...

    def way_in(self, path: str) -> str | None:
        """Return where people choose the site of their account, sign in and are brought to *path* of this site.

        None where there is nothing to choose: all have their account here.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePages:
    """One method per page or form; who is not signed in does that first."""

    sign_in: SignIn
    clients: ClientRegistry
    devices: DeviceStore
    forms: FormTokens
    visitors: Visitors | None
    """None where nobody comes from other sites."""

    async def show_device(self, request: Request, realm: Realm) -> Response:
        """Ask for a device's code, or whether the device with this code is to be let in."""
        given = read_query(request).get("user_code", "")
        page = f"/device?{urlencode({'user_code': given[:20]})}" if given else "/device"
        way_in = None if self.visitors is None or realm.name != "dedl" else self.visitors.way_in(realm.path + page)
        if way_in is not None and request.headers.get("sec-fetch-site") == "cross-site":
            # The console's session is in a strict cookie, which comes only with what a page of this site leads to.
            return self.sign_in.pages.render("go-on.html", target=realm.url + page)
        approver = await self._find_approver(request, realm)
        if approver is None and way_in is not None:
            return self.sign_in.pages.redirect(way_in)
        if approver is None:
            return self.sign_in.begin(request, realm, Flow(step="password", page=page))
        if not given:
            return self._render(realm)
        limit, address = self.sign_in.proof.limit, trace_of(request.scope).client
        try:
            limit.begin(address, _USER_CODES)
        except TooManyAttemptsError as error:
            return self._render(realm, problem=error.message, status=error.status)
        waiting = await self.devices.find_pending(realm, given)
        if waiting is None:
            return self._render(realm, problem=_NOT_WAITING)
        limit.note_good(address, _USER_CODES)
        client, user_code = self.clients.find(realm, waiting.client), write_user_code(waiting.user_code)
        return self._render(
            realm,
            approver=approver,
            ends=f"{from_microseconds(approver.session.ends_at):%Y-%m-%d %H:%M} UTC",
            others=way_in,
            client=waiting.client if client is None else client.title,
            user_code=user_code,
            scope=", ".join(SCOPE_WORDS[each] for each in SCOPE_WORDS if each in waiting.scope),
            form_token=self.forms.token(approver.session, about=user_code),
        )

    async def decide_device(self, request: Request, realm: Realm) -> Response:
        """Let the device in of whose code the form was made, or refuse it."""
        self.sign_in.pages.require_own(request)
        approver = await self._find_approver(request, realm)
        if approver is None:
            raise OAuthError("login_required", "You are not signed in any more.", status=401)
        form = await read_form(request)
        user_code, allowed = form.get("user_code", ""), form.get("decision") == "allow"
        self.forms.require(form, approver.session, about=user_code)
        request_id = trace_of(request.scope).request_id
        if not await self.devices.decide(realm, user_code, approver.session, allowed=allowed, request_id=request_id):
            return self._render(realm, problem=_NOT_WAITING)
        return self._render(realm, done="The device is let in." if allowed else "The device is refused.")

    async def _find_approver(self, request: Request, realm: Realm) -> Approver | None:
        """Return who is signed in: as whom the console knows them if that is over another site, else at this one."""
        visitor = None if self.visitors is None or realm.name != "dedl" else await self.visitors.find(request.cookies)
        if visitor is not None:
            return visitor
        session = await self.sign_in.find_session(request)
        if session is None:
            return None
        account = await self.sign_in.accounts.get(session.principal.subject)
        return Approver(session=session, name=account.username, home=None)

    def _render(self, realm: Realm, *, status: int = 200, **values: Any) -> Response:
        given: dict[str, Any] = {"done": "", "problem": "", "approver": None, **values}
        return self.sign_in.pages.render("device.html", status=status, action=f"{realm.url}/device", **given)
