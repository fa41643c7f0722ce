"""Pages for who is signed in with an account of this site: one's own sessions, the second factor."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from twinlake.core.clock import from_microseconds
from twinlake.core.errors import InvalidInputError
from twinlake.core.paging import TokenSeal
from twinlake.engines.web.trace import trace_of
from twinlake.identity.errors import CrossSiteFormError, TooManyAttemptsError
from twinlake.identity.issuer.clients import ClientRegistry
from twinlake.identity.issuer.errors import OAuthError
from twinlake.identity.issuer.flow import Flow
from twinlake.identity.issuer.forms import FormTokens, read_form
from twinlake.identity.issuer.models import Realm
from twinlake.identity.issuer.second_factor import SecondFactors, draw_qr
from twinlake.identity.issuer.session_rows import Session
from twinlake.identity.issuer.sign_in import SignIn
from twinlake.identity.principals import Caller

_RECENTLY = timedelta(minutes=10)
"""Who changes the second factor has just signed in: an open browser is not enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPages:
    """One method per page or form; who is not signed in does that first."""

    realms: Sequence[Realm]
    sign_in: SignIn
    clients: ClientRegistry
    factors: SecondFactors
    seal: TokenSeal
    """Of second factors that are about to be set up."""
    forms: FormTokens

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
        request_id = trace_of(request.scope).request_id
        if "others" in form:
            await self.sign_in.sessions.end_others(session, request_id=request_id)
        else:
            await self.sign_in.sessions.end(form.get("sid", ""), of=session.principal, request_id=request_id)
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
        trace = trace_of(request.scope)
        by = Caller(principal=session.principal, request_id=trace.request_id)
        secret = self.factors.new_secret()
        try:
            if account.has_second_factor:
                good = await self.sign_in.proof.check_factor(account, code, address=trace.client, request_id=trace.request_id)
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
        self.forms.require(form, session)
        return session, form
