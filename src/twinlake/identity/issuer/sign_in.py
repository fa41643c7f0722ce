"""The pages on which people sign in, step by step, as the clients that scrape them want it."""

from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from twinlake.engines.web.trace import trace_of
from twinlake.identity.errors import TooManyAttemptsError
from twinlake.identity.issuer.accounts import Account, AccountStore
from twinlake.identity.issuer.authorizing import Authorizing, RefusedByRedirect
from twinlake.identity.issuer.errors import OAuthError, invalid_request
from twinlake.identity.issuer.flow import Flow, Flows
from twinlake.identity.issuer.forms import read_form, read_query
from twinlake.identity.issuer.models import Realm
from twinlake.identity.issuer.pages import IssuerPages
from twinlake.identity.issuer.programs import name_program
from twinlake.identity.issuer.proving import Proof
from twinlake.identity.issuer.session_rows import Session
from twinlake.identity.issuer.sessions import BROWSER_LONGEST, BrowserCookies, IssuerSessions, microseconds
from twinlake.identity.principals import Caller

_BAD_CREDENTIALS = "Invalid username or password."
"""EODAG looks for these words."""
_BAD_CODE = "Invalid authenticator code."
_TERMS = "TERMS_AND_CONDITIONS"
"""Clients look for this word in the URL (Keycloak's required action)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """What signing in needs of the issuer."""

    authorizing: Authorizing
    flows: Flows
    pages: IssuerPages
    cookies: BrowserCookies
    sessions: IssuerSessions
    accounts: AccountStore
    proof: Proof
    site_id: str
    terms_url: str | None
    """Of the terms of use that everybody accepts before the first sign-in ends; None asks for none."""

    def begin(self, request: Request, realm: Realm, flow: Flow) -> Response:
        """Answer with the form for name and password."""
        browser = self.cookies.browser_of(request.cookies)
        response = self._show(realm, flow, browser)
        self.cookies.set(response, self.cookies.browser, browser)
        return response

    async def find_session(self, request: Request) -> Session | None:
        """Return the session of the browser that sends *request*."""
        secret = request.cookies.get(self.cookies.session, "")
        return await self.sessions.find_browser(secret) if secret else None

    def _show(self, realm: Realm, flow: Flow, browser: str, *, problem: str = "", status: int = 200, name: str = "") -> Response:
        action = f"{realm.url}/login-actions/authenticate?" + urlencode({"flow": self.flows.seal(realm, flow, browser)})
        template = "second-factor.html" if flow.step == "factor" else "sign-in.html"
        return self.pages.render(template, status=status, leads_to=_leads_to(flow), action=action, problem=problem, username=name)

    async def check(self, request: Request, realm: Realm) -> Response:
        """Take what a form of `begin`, or the next one, holds."""
        self.pages.require_own(request)
        browser = request.cookies.get(self.cookies.browser, "")
        flow = self.flows.open(realm, read_query(request).get("flow", ""), browser)
        if flow.step == "terms":
            raise invalid_request("This page belongs to another step of the sign-in.")
        check = self._check_password if flow.step == "password" else self._check_factor
        try:
            return await check(request, realm, flow, browser)
        except TooManyAttemptsError as error:
            response = self._show(realm, flow, browser, problem=error.message, status=error.status)
            response.headers["Retry-After"] = str(error.retry_after_seconds)
            return response

    async def _check_password(self, request: Request, realm: Realm, flow: Flow, browser: str) -> Response:
        form = await read_form(request)
        name, trace = form.get("username", ""), trace_of(request.scope)
        account = await self.proof.check_password(
            name, form.get("password", ""), address=trace.client, request_id=trace.request_id
        )
        if account is None:
            return self._show(realm, flow, browser, problem=_BAD_CREDENTIALS, name=name[:100])
        flow = replace(flow, subject=account.subject)
        if account.has_second_factor:
            return self._show(realm, replace(flow, step="factor"), browser)
        return await self._go_on(request, realm, flow, account)

    async def _check_factor(self, request: Request, realm: Realm, flow: Flow, browser: str) -> Response:
        account, form, trace = await self.accounts.get(flow.subject), await read_form(request), trace_of(request.scope)
        code = form.get("otp", "")
        if not await self.proof.check_factor(account, code, address=trace.client, request_id=trace.request_id):
            return self._show(realm, flow, browser, problem=_BAD_CODE)
        return await self._go_on(request, realm, flow, account)

    async def _go_on(self, request: Request, realm: Realm, flow: Flow, account: Account) -> Response:
        if self.terms_url is not None and account.terms_accepted_at is None:
            browser = request.cookies.get(self.cookies.browser, "")
            sealed = self.flows.seal(realm, replace(flow, step="terms"), browser)
            query = urlencode({"execution": _TERMS, "flow": sealed})
            return self.pages.redirect(f"{realm.url}/login-actions/required-action?{query}")
        return await self._finish(request, realm, flow)

    async def _finish(self, request: Request, realm: Realm, flow: Flow) -> Response:
        if not (await self.accounts.get(flow.subject)).is_enabled:
            raise OAuthError("access_denied", "The account is not enabled.")
        principal, trace = self.accounts.principal_of(flow.subject), trace_of(request.scope)
        program = name_program(request.headers.get("user-agent", ""))
        secret, session = await self.sessions.open_browser(
            principal, realm=realm.name, site=self.site_id, request_id=trace.request_id, program=program
        )
        trace.principal = str(principal)
        if flow.request is None:
            response = self.pages.redirect(realm.url + flow.page)
        else:
            response = self.pages.redirect(await self.authorizing.answer(realm, flow.request, session))
        self.cookies.set(response, self.cookies.session, secret, lives=BROWSER_LONGEST)
        return response

    async def show_terms(self, request: Request, realm: Realm) -> Response:
        """Answer with the terms of use, to be accepted."""
        browser, sealed = request.cookies.get(self.cookies.browser, ""), read_query(request).get("flow", "")
        flow = self.flows.open(realm, sealed, browser, step="terms")
        action = f"{realm.url}/login-actions/required-action?" + urlencode({"execution": _TERMS, "flow": sealed})
        return self.pages.render("terms.html", leads_to=_leads_to(flow), action=action, terms_url=self.terms_url)

    async def accept_terms(self, request: Request, realm: Realm) -> Response:
        """Note that somebody accepts the terms, and end the sign-in."""
        self.pages.require_own(request)
        browser = request.cookies.get(self.cookies.browser, "")
        flow = self.flows.open(realm, read_query(request).get("flow", ""), browser, step="terms")
        if "accept" not in await read_form(request):
            raise OAuthError("access_denied", "Without accepting the terms of use you cannot sign in.")
        by = Caller(principal=self.accounts.principal_of(flow.subject), request_id=trace_of(request.scope).request_id)
        await self.accounts.accept_terms(flow.subject, by=by)
        return await self._finish(request, realm, flow)

    async def authorize(self, request: Request, realm: Realm) -> Response:
        """Answer a client's request to sign somebody in: at once where that was done, else with the form."""
        query = read_query(request)
        try:
            asked = self.authorizing.read(realm, query)
        except RefusedByRedirect as refusal:
            return self.pages.redirect(refusal.location)
        prompts = query.get("prompt", "").split()
        session = None if "login" in prompts else await self.find_session(request)
        max_age = query.get("max_age", "")
        is_limited = max_age.isascii() and max_age.isdigit() and len(max_age) < 10
        if session is not None and not (is_limited and self.is_older(session, timedelta(seconds=int(max_age)))):
            return self.pages.redirect(await self.authorizing.answer(realm, asked, session))
        if "none" in prompts:
            return self.pages.redirect(self.authorizing.refuse(realm, asked, "login_required"))
        return self.begin(request, realm, Flow(step="password", request=asked))

    def is_older(self, session: Session, age: timedelta) -> bool:
        """Tell whether somebody signed in longer ago than *age*."""
        return self.sessions.now() - session.signed_in_at > microseconds(age)


def _leads_to(flow: Flow) -> str:
    return "" if flow.request is None else flow.request.redirect_uri
