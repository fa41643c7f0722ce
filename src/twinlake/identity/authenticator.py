"""Finds out who sends a request, before anything looks at it."""

import base64
import binascii
import re
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from twinlake.engines.web.trace import RequestTrace, trace_of
from twinlake.identity.credentials import Credentials
from twinlake.identity.errors import CrossSiteFormError, InvalidTokenError, UnknownProviderError
from twinlake.identity.policy.service import Policy
from twinlake.identity.principals import ANONYMOUS, Caller
from twinlake.identity.sessions import SessionStore

_OPENEO = re.compile(r"^(?:basic/|oidc/([^/]*))/")
"""How clients of openEO say where a token is from (https://api.openeo.org/1.2.0/#section/Authentication)."""
PROVIDER = "dedl"
"""What clients of openEO call the realm that signs in for this site."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Authenticator:
    """Puts ``caller``, ``policy`` and ``form_token`` into the request's state.

    A token comes as ``Authorization: Bearer``, or as the password of ``Authorization: Basic`` (GDAL, netrc); one that
    is not good is refused and never treated as nobody's. A browser's session is a cookie, with which changes are made
    only from the site's own pages.
    """

    def __init__(
        self, app: ASGIApp, *, credentials: Credentials, sessions: SessionStore, policy: Policy, public_url: str
    ) -> None:
        self.app = app
        self._credentials = credentials
        self._sessions = sessions
        self._policy = policy
        self._cookie_mark = f"{sessions.cookie_name}=".encode()
        parts = urlsplit(public_url)
        self._public_origin = f"{parts.scheme}://{parts.netloc}".lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            trace = trace_of(scope)
            state = scope["state"]
            # Where the next line refuses, a page that shows the refusal still needs somebody to show it to.
            state.update(policy=self._policy, caller=ANONYMOUS, form_token="")
            state["caller"] = (await self._find_caller(scope, trace)).within(trace.request_id)
        await self.app(scope, receive, send)

    async def _find_caller(self, scope: Scope, trace: RequestTrace) -> Caller:
        authorization = cookies = b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
            elif name == b"cookie" and self._cookie_mark in value:
                cookies = value
        if authorization:
            caller = await self._credentials.verify(_read_token(authorization))
        elif cookies:
            caller = await self._find_session(scope, cookies)
        else:
            return ANONYMOUS
        trace.principal = str(caller.principal) if caller.principal is not None else None
        return caller

    async def _find_session(self, scope: Scope, cookies: bytes) -> Caller:
        """Return the session's caller, or nobody if it has ended: its browser shall see the sign-in page, not an error."""
        secret = _read_cookie(cookies, self._sessions.cookie_name)
        found = await self._sessions.find_caller(secret) if secret else None
        if found is None:
            return ANONYMOUS
        caller, form_token = found
        if scope["method"] not in _SAFE_METHODS:
            self._require_own_page(scope)
        scope["state"].update(form_token=form_token, session_secret=secret)
        return caller

    def _require_own_page(self, scope: Scope) -> None:
        """Refuse a change that was not sent from a page of this site; browsers name the origin with every change."""
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1").lower()
        own = f"{scope['scheme']}://{headers.get(b'host', b'').decode('latin-1')}".lower()
        if origin not in {own, self._public_origin}:
            raise CrossSiteFormError(
                "A change with a session must come from a page of this site.", remedy="Use the console, or send a token."
            )


def _read_token(authorization: bytes) -> str:
    """Return the token in an ``Authorization`` header.

    Raises
    ------
    InvalidTokenError
        It is neither Bearer (RFC 6750) nor Basic (RFC 7617), or is of a provider that the site does not offer.
    """
    scheme, _, rest = authorization.decode("latin-1").strip().partition(" ")
    if scheme.lower() == "bearer":
        return _read_bearer(rest.strip())
    if scheme.lower() == "basic":
        try:
            _, _, password = base64.b64decode(rest.strip(), validate=True).decode("latin-1").partition(":")
        except binascii.Error:
            raise InvalidTokenError("The Basic credentials are not base64.") from None
        return password
    raise InvalidTokenError("The Authorization header is neither Bearer nor Basic.", remedy="Send: Authorization: Bearer tl_...")


def _read_bearer(bearer: str) -> str:
    said = _OPENEO.match(bearer)
    if said is None:
        return bearer
    if said[1] not in {None, PROVIDER}:
        raise UnknownProviderError(
            f"This site offers no sign-in by a provider {said[1][:40]!r}.", remedy=f"Sign in by {PROVIDER!r}: /credentials/oidc."
        )
    return bearer[said.end() :]


def _read_cookie(cookies: bytes, name: str) -> str | None:
    try:
        morsel = SimpleCookie(cookies.decode("latin-1")).get(name)
    except CookieError:
        return None
    return None if morsel is None else morsel.value
