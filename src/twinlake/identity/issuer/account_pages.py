"""Pages for who is signed in: letting a device in, one's own sessions, the second factor."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from twinlake.core.clock import from_microseconds
from twinlake.core.errors import InvalidInputError
from twinlake.core.paging import TokenSeal
from twinlake.engines.web.trace import trace_of
from twinlake.identity.errors import CrossSiteFormError, TooManyAttemptsError
from twinlake.identity.issuer.clients import ClientRegistry
from twinlake.identity.issuer.devices import DeviceStore, write_user_code
from twinlake.identity.issuer.errors import OAuthError
from twinlake.identity.issuer.flow import Flow
from twinlake.identity.issuer.forms import FormTokens, read_form, read_query
from twinlake.identity.issuer.models import Realm
from twinlake.identity.issuer.second_factor import SecondFactors, draw_qr
from twinlake.identity.issuer.session_rows import Session
from twinlake.identity.issuer.sign_in import SignIn
from twinlake.identity.principals import Caller

_RECENTLY = timedelta(minutes=10)
"""Who changes the second factor has just signed in: an open browser is not enough."""
_USER_CODES = "(user codes)"
_NOT_WAITING = "No device waits with this code. Codes are good for ten minutes."


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPages:
    """One method per page or form; who is not signed in does that first."""

    realms: Sequence[Realm]
    sign_in: SignIn
    clients: ClientRegistry
    devices: DeviceStore
    factors: SecondFactors
    seal: TokenSeal
    """Of second factors that are about to be set up."""
    forms: FormTokens

    async def show_device(self, request: Request, realm: Realm) -> Response:
        """Ask for a device's code, or whether the device with this code is to be let in."""
        given = read_query(request).get("user_code", "")
        session = await self.sign_in.find_session(request)
        page = f"/device?{urlencode({'user_code': given[:20]})}" if given else "/device"
        if session is None:
            return self.sign_in.begin(request, realm, Flow(step="password", page=page))
        if not given:
            return self._render_device(realm)
        limit, address = self.sign_in.proof.limit, trace_of(request.scope).client
        try:
            limit.begin(address, _USER_CODES)
        except TooManyAttemptsError as error:
            return self._render_device(realm, problem=error.message, status=error.status)
        waiting = await self.devices.find_pending(realm, given)
        if waiting is None:
            return self._render_device(realm, problem=_NOT_WAITING)
        limit.note_good(address, _USER_CODES)
        client = self.clients.find(realm, waiting.client)
        return self._render_device(
            realm,
            waiting=True,
            client=waiting.client if client is None else client.title,
            user_code=write_user_code(waiting.user_code),
            scope=", ".join(sorted(waiting.scope)),
            form_token=self.forms.token(session),
        )

    async def decide_device(self, request: Request, realm: Realm) -> Response:
        """Let a device in, or refuse it."""
        session, form = await self._require_form(request)
        allowed = form.get("decision") == "allow"
        if not await self.devices.decide(realm, form.get("user_code", ""), session, allowed=allowed):
            return self._render_device(realm, problem=_NOT_WAITING)
        return self._render_device(realm, done="The device is let in." if allowed else "The device is refused.")

    def _render_device(self, realm: Realm, *, status: int = 200, **values: Any) -> Response:
        given: dict[str, Any] = {"done": "", "problem": "", "waiting": False, **values}
        return self.sign_in.pages.render("device.html", status=status, action=f"{realm.url}/device", **given)

    async def show_account(self, request: Request, realm: Realm) -> Response:
        """List one's own sessions."""
        session = await self.sign_in.find_session(request)
        if session is None:
            return self.sign_in.begin(request, realm, Flow(step="password", page="/account"))
        return self.sign_in.pages.render(
            "account.html",
            account=await self.sign_in.accounts.get(session.principal.subject),
            sign_ins=self._group(await self.sign_in.sessions.list_of(session.principal), session),
            form_token=self.forms.token(session),
            end_url=f"{realm.url}/account/sessions",
            factor_url=f"{realm.url}/account/second-factor",
            device_url=f"{realm.url}/device",
            logout_url=realm.endpoint("logout"),
        )

    def _group(self, sessions: Sequence[Session], here: Session) -> list[Mapping[str, object]]:
        """Return one entry for each sign-in, with what programs were given in it; this browser's first, then the last used."""
        alive = {each.sid for each in sessions}
        grouped = [
            (first, [each for each in sessions if each.parent == first.sid]) for first in sessions if first.parent not in alive
        ]
        used = {first.sid: max(each.used_at for each in (first, *within)) for first, within in grouped}
        grouped.sort(key=lambda group: (group[0].sid != here.sid, -used[group[0].sid]))
        return [
            {
                **self._describe(first, used[first.sid]),
                "here": first.sid == here.sid,
                "within": [self._describe(each, each.used_at) for each in within],
            }
            for first, within in grouped
        ]

    def _describe(self, session: Session, used_at: int) -> Mapping[str, object]:
        return {
            "sid": session.sid,
            "title": self._title_of(session),
            "offline": session.offline,
            "opened": f"{from_microseconds(session.opened_at):%Y-%m-%d %H:%M} UTC",
            "used": f"{from_microseconds(used_at):%Y-%m-%d %H:%M} UTC",
        }

    def _title_of(self, session: Session) -> str:
        realm = next((each for each in self.realms if each.name == session.realm), None)
        client = None if realm is None else self.clients.find(realm, session.client)
        if client is None:
            return session.client or session.program or "A browser"
        return f"{client.title} at {session.site}" if client.is_everywhere else client.title

    async def end_session(self, request: Request, realm: Realm) -> Response:
        """End one of one's own sessions, or all but this browser's."""
        session, form = await self._require_form(request)
        if "others" in form:
            await self.sign_in.sessions.end_others(session)
        else:
            await self.sign_in.sessions.end(form.get("sid", ""), of=session.principal)
        return self.sign_in.pages.redirect(f"{realm.url}/account")

    async def show_factor(self, request: Request, realm: Realm) -> Response:
        """Offer a new second factor, or to remove the one that is there."""
        session = await self.sign_in.find_session(request)
        if session is None or self.sign_in.is_older(session, _RECENTLY):
            return self.sign_in.begin(request, realm, Flow(step="password", page="/account/second-factor"))
        return await self._render_factor(realm, session, self.factors.new_secret())

    async def change_factor(self, request: Request, realm: Realm) -> Response:
        """Set up the second factor whose code is sent, or remove the one that is there."""
        session, form = await self._require_form(request)
        if self.sign_in.is_older(session, 2 * _RECENTLY):
            raise OAuthError("login_required", "You signed in too long ago to change this.", status=401)
        account, code = await self.sign_in.accounts.get(session.principal.subject), form.get("otp", "")
        address = trace_of(request.scope).client
        by = Caller(principal=session.principal, request_id=trace_of(request.scope).request_id)
        secret = self.factors.new_secret()
        try:
            if account.has_second_factor:
                good = await self.sign_in.proof.check_factor(account, code, address=address)
                if good:
                    await self.factors.remove(account.subject, by=by)
            else:
                secret = self._open_secret(form.get("secret", ""), session)
                good = await self.factors.enrol(account.subject, secret, code, by=by)
        except TooManyAttemptsError as error:
            return await self._render_factor(realm, session, secret, problem=error.message, status=error.status)
        if not good:
            return await self._render_factor(realm, session, secret, problem="Invalid authenticator code.")
        return self.sign_in.pages.redirect(f"{realm.url}/account")

    async def _render_factor(
        self, realm: Realm, session: Session, secret: str, *, problem: str = "", status: int = 200
    ) -> Response:
        account = await self.sign_in.accounts.get(session.principal.subject)
        return self.sign_in.pages.render(
            "enrol.html",
            status=status,
            account=account,
            problem=problem,
            secret=secret,
            sealed=self.seal.seal(base64.b32decode(secret), f"enrol|{session.sid}".encode()),
            picture=draw_qr(self.factors.address_of(secret, account.username)),
            form_token=self.forms.token(session),
            action=f"{realm.url}/account/second-factor",
            account_url=f"{realm.url}/account",
        )

    def _open_secret(self, sealed: str, session: Session) -> str:
        try:
            return base64.b32encode(self.seal.open(sealed, f"enrol|{session.sid}".encode())).decode()
        except InvalidInputError:
            raise CrossSiteFormError("The form is not of this session.", remedy="Load the page again.") from None

    async def _require_form(self, request: Request) -> tuple[Session, dict[str, str]]:
        self.sign_in.pages.require_own(request)
        session = await self.sign_in.find_session(request)
        if session is None:
            raise OAuthError("login_required", "You are not signed in any more.", status=401)
        form = await read_form(request)
        if not self.forms.is_of(form, session):
            raise CrossSiteFormError("The form does not belong to this session.", remedy="Load the page again and repeat.")
        return session, form
