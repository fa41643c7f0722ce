"""Signing out: on the site's own page, or sent by a client (OpenID Connect RP-Initiated Logout 1.0)."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from twinlake.engines.web.trace import trace_of
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.issuer.clients import ClientRegistry
from twinlake.identity.issuer.errors import invalid_grant
from twinlake.identity.issuer.forms import FormTokens, read_query, read_token_request
from twinlake.identity.issuer.models import REFRESH_TOKEN, Realm, TokenRequest
from twinlake.identity.issuer.refresh_tokens import RefreshTokens
from twinlake.identity.issuer.session_rows import Session
from twinlake.identity.issuer.sign_in import SignIn
from twinlake.identity.issuer.subjects import verify_signed
from twinlake.identity.keys.ring import KeyRing


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOut:
    """The end-session endpoint."""

    sign_in: SignIn
    clients: ClientRegistry
    refresh_tokens: RefreshTokens
    keys: KeyRing
    forms: FormTokens

    async def show_logout(self, request: Request, realm: Realm) -> Response:
        """Sign out at once if a client shows whom it means, else ask (OpenID Connect RP-Initiated Logout 1.0, section 2)."""
        return await self._log_out(request, realm, read_query(request), is_confirmed=False)

    async def log_out(self, request: Request, realm: Realm) -> Response:
        """Sign out on behalf of a form of this site's or of a client."""
        sent = await read_token_request(request, realm)
        if "refresh_token" in sent.form:
            return await self._end_for_client(sent)
        form, session = sent.form, await self.sign_in.find_session(request)
        is_own = session is not None and self.forms.is_of(form, session)
        if is_own:
            self.sign_in.pages.require_own(request)
        return await self._log_out(request, realm, form, is_confirmed=is_own)

    async def _log_out(self, request: Request, realm: Realm, asked: Mapping[str, str], *, is_confirmed: bool) -> Response:
        session = await self.sign_in.find_session(request)
        client_id, hinted = self._read_hint(realm, asked)
        wanted = asked.get("post_logout_redirect_uri", "")
        client = self.clients.find(realm, client_id)
        target = wanted if client is not None and self.clients.may_leave_to(client, wanted) else ""
        if session is not None and not is_confirmed and not await self._is_of(hinted, session):
            kept = {name: asked[name] for name in ("post_logout_redirect_uri", "state") if name in asked}
            return self.sign_in.pages.render(
                "sign-out.html",
                leads_to=target,
                action=realm.endpoint("logout"),
                fields={**kept, "client_id": client_id, "form_token": self.forms.token(session)},
            )
        if session is not None:
            await self.sign_in.sessions.end(session.sid, request_id=trace_of(request.scope).request_id)
        if target and (state := asked.get("state")) is not None:
            target += ("&" if "?" in target else "?") + urlencode({"state": state})
        pages = self.sign_in.pages
        response = pages.redirect(target) if target else pages.render("sign-out.html", fields={})
        self.sign_in.cookies.clear_session(response)
        return response

    async def _end_for_client(self, sent: TokenRequest) -> Response:
        """End a client's session by its refresh token, as Keycloak's own clients sign out."""
        client = self.clients.authenticate(sent, REFRESH_TOKEN)
        session = await self.refresh_tokens.find_session(sent.form["refresh_token"])
        if session is None or (session.realm, session.client) != (sent.realm.name, client.id):
            raise invalid_grant("The refresh token is not good.")
        await self.sign_in.sessions.end(session.sid, request_id=sent.request_id)
        return Response(status_code=204)

    def _read_hint(self, realm: Realm, asked: Mapping[str, str]) -> tuple[str, str]:
        """Return client and session of an ``id_token_hint``, which may have expired; empty where there is no good one."""
        hint = asked.get("id_token_hint", "")
        if not hint:
            return asked.get("client_id", ""), ""
        try:
            claims = verify_signed(hint, realm, self.keys)
        except InvalidTokenError:
            return "", ""
        return str(claims.get("azp", "")), str(claims.get("sid", ""))

    async def _is_of(self, sid: str, browser: Session) -> bool:
        """Tell whether a client's session began in this browser's."""
        session = await self.sign_in.sessions.find(sid) if sid else None
        return session is not None and session.parent == browser.sid
