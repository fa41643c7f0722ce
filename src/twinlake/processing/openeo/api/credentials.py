"""A token for who shows name and password of an account of this site.

Source: https://api.openeo.org/1.2.0/#tag/Account-Management/operation/authenticate-basic
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from twinlake.core.clock import Clock
from twinlake.engines.web.trace import trace_of
from twinlake.identity.grants import GrantStore
from twinlake.identity.issuer.proving import Proof
from twinlake.identity.principals import SITE_ROLES, Caller
from twinlake.identity.tokens import NewToken, TokenStore
from twinlake.identity.web import guarded
from twinlake.processing.openeo.api.bodies import to_json
from twinlake.standards.openeo.errors import (
    AuthenticationRequiredError,
    AuthenticationSchemeInvalidError,
    CredentialsInvalidError,
)

PATH = "/credentials/basic"
_LIFETIME = timedelta(hours=12)
_SCOPES = frozenset({"search", "read", "process"})
_REMEDY = "Sign in with OpenID Connect: /credentials/oidc."
_ELSEWHERE = "If your account is at another site, sign in with OpenID Connect, which leads there: /credentials/oidc."


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsApi:
    """The route; requests reach it past the site's authenticator."""

    proof: Proof
    grants: GrantStore
    tokens: TokenStore
    clock: Clock
    asks_for_terms: bool
    """Whether everybody accepts terms of use before the first sign-in."""

    def routes(self) -> list[Route]:
        """Declare it."""
        return [guarded(PATH, self.give_token, methods=["GET"], action="public")]

    async def give_token(self, request: Request) -> Response:
        """Answer with a token that lives for half a day and carries no role in running the site."""
        username, password = _read_basic(request.headers.get("authorization", ""))
        trace = trace_of(request.scope)
        account = await self.proof.check_password(username, password, address=trace.client, request_id=trace.request_id)
        if account is None:
            raise CredentialsInvalidError("Name and password do not belong together.", remedy=_ELSEWHERE)
        if account.has_second_factor:
            raise AuthenticationSchemeInvalidError("This account has a second factor, which has no place here.", remedy=_REMEDY)
        if self.asks_for_terms and account.terms_accepted_at is None:
            raise AuthenticationSchemeInvalidError("The terms of use have not been accepted.", remedy=_REMEDY)
        owner = self.proof.accounts.principal_of(account.subject)
        trace.principal = str(owner)
        new = NewToken(
            owner=owner,
            name="openEO, by password",
            roles=(await self.grants.get(owner)).roles - SITE_ROLES,
            scopes=_SCOPES,
            expires_at=self.clock.now() + _LIFETIME,
        )
        token, _ = await self.tokens.create(new, by=Caller(principal=owner, request_id=trace.request_id))
        return to_json({"access_token": token}, headers={"cache-control": "no-store"})


def _read_basic(authorization: str) -> tuple[str, str]:
    """Return name and password (RFC 7617).

    Raises
    ------
    AuthenticationRequiredError
        There are none.
    """
    scheme, _, encoded = authorization.strip().partition(" ")
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise AuthenticationRequiredError("Send name and password.", remedy="Authorization: Basic base64(name:password)")
    return name, password
