"""What programs ask of a realm: discovery, keys, tokens, userinfo, revocation, device codes."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from twinlake.core.clock import Clock
from twinlake.core.documents import JsonObject
from twinlake.identity.actions import SCOPES
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.issuer.clients import ClientRegistry, grant_scopes
from twinlake.identity.issuer.devices import INTERVAL_SECONDS, LIFE_SECONDS, DeviceStore, write_user_code
from twinlake.identity.issuer.errors import OAuthError, invalid_request
from twinlake.identity.issuer.forms import MAX_BODY_BYTES, read_token_request
from twinlake.identity.issuer.minting import select_attributes
from twinlake.identity.issuer.models import (
    DEVICE_CODE,
    IDENTITY_SCOPES,
    REFRESH_TOKEN,
    GrantHandler,
    Realm,
)
from twinlake.identity.issuer.refresh_tokens import RefreshTokens
from twinlake.identity.issuer.sessions import IssuerSessions
from twinlake.identity.issuer.subjects import OwnSubjects, verify_own
from twinlake.identity.keys.ring import KeyRing
from twinlake.identity.web import guarded

_PUBLIC = {"Cache-Control": "public, max-age=300"}
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_METHODS = ["client_secret_basic", "client_secret_post", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """What the endpoints need."""

    keys: KeyRing
    clock: Clock
    clients: ClientRegistry
    sessions: IssuerSessions
    refresh_tokens: RefreshTokens
    devices: DeviceStore
    subjects: OwnSubjects
    grants: Mapping[str, GrantHandler]
    issuer: str


def routes(realm: Realm, protocol: Protocol) -> list[BaseRoute]:
    """Return the routes of *realm* for programs."""
    endpoints = _Endpoints(realm, protocol)
    base = f"{realm.path}/protocol/openid-connect"
    limit = MAX_BODY_BYTES
    return [
        guarded(f"{realm.path}/.well-known/openid-configuration", endpoints.get_configuration, methods=["GET"], action="public"),
        guarded(f"{base}/certs", endpoints.get_keys, methods=["GET"], action="public"),
        guarded(f"{base}/token", endpoints.token, methods=["POST"], action="public", max_body_bytes=limit),
        guarded(f"{base}/userinfo", endpoints.userinfo, methods=["GET", "POST"], action="public", max_body_bytes=limit),
        guarded(f"{base}/revoke", endpoints.revoke, methods=["POST"], action="public", max_body_bytes=limit),
        guarded(f"{base}/auth/device", endpoints.start_device, methods=["POST"], action="public", max_body_bytes=limit),
    ]


class _Endpoints:
    """One method per endpoint: read, call, answer."""

    def __init__(self, realm: Realm, protocol: Protocol) -> None:
        self._realm = realm
        self._protocol = protocol

    async def get_configuration(self, request: Request) -> Response:
        """Describe the realm (OpenID Connect Discovery 1.0, section 3; RFC 8414)."""
        _ = request
        realm = self._realm
        scopes = IDENTITY_SCOPES | (SCOPES if realm.name == "dedl" else frozenset())
        document: JsonObject = {
            "issuer": realm.url,
            "authorization_endpoint": realm.endpoint("auth"),
            "token_endpoint": realm.endpoint("token"),
            "userinfo_endpoint": realm.endpoint("userinfo"),
            "jwks_uri": realm.endpoint("certs"),
            "revocation_endpoint": realm.endpoint("revoke"),
            "end_session_endpoint": realm.endpoint("logout"),
            "device_authorization_endpoint": realm.endpoint("auth/device"),
            "grant_types_supported": sorted(self._protocol.grants),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": _METHODS,
            "revocation_endpoint_auth_methods_supported": _METHODS,
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": sorted(scopes),
            "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "sid", "preferred_username", "name", "email"],
            "authorization_response_iss_parameter_supported": True,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
            "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": True,
        }
        return _answer(document, headers=_PUBLIC)

    async def get_keys(self, request: Request) -> Response:
        """Publish the realm's keys (RFC 7517, section 5)."""
        _ = request
        keys = {"keys": self._protocol.keys.public_keys(self._realm.name)}
        return _answer(keys, headers=_PUBLIC)

    async def token(self, request: Request) -> Response:
        """Answer a request for tokens by its grant."""

        async def grant() -> Response:
            asked = await read_token_request(request, self._realm)
            grant_type = asked.form.get("grant_type", "")
            if not grant_type:
                raise invalid_request("The parameter grant_type is missing.")
            handler = self._protocol.grants.get(grant_type)
            if handler is None:
                raise OAuthError("unsupported_grant_type", f"The grant {grant_type[:80]!r} is not known here.")
            return _answer(await handler(asked))

        return await _in_oauth_form(request, grant)

    async def userinfo(self, request: Request) -> Response:
        """Tell a client about the holder of its token (OpenID Connect Core 1.0, section 5.3)."""
        protocol = self._protocol
        try:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer":
                raise InvalidTokenError("An access token is required: Authorization: Bearer ...")
            claims = verify_own(token.strip(), self._realm, protocol.keys, protocol.clock)
            session = await protocol.sessions.find(str(claims.get("sid")))
            if session is None:
                raise InvalidTokenError("The session of the token has ended.")
            if "openid" not in str(claims.get("scope", "")).split():
                return _refuse(OAuthError("insufficient_scope", "The token lacks the scope openid.", status=403))
            local = session.principal.issuer == protocol.issuer
            told: JsonObject = {"sub": claims["sub"]}
            if local:
                told |= select_attributes(await protocol.subjects.describe(session.principal), session.scope)
            return _answer(told)
        except (InvalidTokenError, OAuthError) as error:
            headers = {**_NO_STORE, "WWW-Authenticate": 'Bearer error="invalid_token"'}
            return _answer({"error": "invalid_token", "error_description": error.message}, status=401, headers=headers)

    async def revoke(self, request: Request) -> Response:
        """End the session of a token (RFC 7009); what is no token of the client's ends nothing."""

        async def end() -> Response:
            asked = await read_token_request(request, self._realm)
            client = self._protocol.clients.authenticate(asked, REFRESH_TOKEN)
            token = asked.form.get("token", "")
            if not token:
                raise invalid_request("The parameter token is missing.")
            sid = await self._find_sid(token, client.id)
            if sid is not None:
                await self._protocol.sessions.end(sid, request_id=asked.request_id)
            return Response(status_code=200, headers=_NO_STORE)

        return await _in_oauth_form(request, end)

    async def start_device(self, request: Request) -> Response:
        """Begin the device flow (RFC 8628, section 3.1)."""

        async def start() -> Response:
            asked, realm = await read_token_request(request, self._realm), self._realm
            client = self._protocol.clients.authenticate(asked, DEVICE_CODE)
            challenge = asked.form.get("code_challenge")
            if challenge is not None and asked.form.get("code_challenge_method") != "S256":
                raise invalid_request("The code_challenge_method must be S256.")
            scope = grant_scopes(client, realm, asked.form.get("scope", ""))
            code, user_code = await self._protocol.devices.start(
                realm, client, scope=scope, challenge=challenge, address=asked.address
            )
            page, shown = f"{realm.url}/device", write_user_code(user_code)
            return _answer(
                {
                    "device_code": code,
                    "user_code": shown,
                    "verification_uri": page,
                    "verification_uri_complete": f"{page}?user_code={shown}",
                    "expires_in": LIFE_SECONDS,
                    "interval": INTERVAL_SECONDS,
                }
            )

        return await _in_oauth_form(request, start)

    async def _find_sid(self, token: str, client: str) -> str | None:
        """Return the session of a token that is *client*'s."""
        session = await self._protocol.refresh_tokens.find_session(token)
        if session is not None:
            return session.sid if (session.realm, session.client) == (self._realm.name, client) else None
        try:
            claims = verify_own(token, self._realm, self._protocol.keys, self._protocol.clock)
        except InvalidTokenError:
            return None
        return str(claims.get("sid")) if claims.get("azp") == client else None


async def _in_oauth_form(request: Request, work: Callable[[], Awaitable[Response]]) -> Response:
    """Return what *work* answers, or its refusal as clients of OAuth read it."""
    try:
        return await work()
    except OAuthError as error:
        refusal = _refuse(error)
        if error.status == 401 and "authorization" in request.headers:
            refusal.headers["WWW-Authenticate"] = "Basic"
        return refusal


def _refuse(error: OAuthError) -> Response:
    headers = dict(_NO_STORE)
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    return _answer({"error": error.error, "error_description": error.message}, status=error.status, headers=headers)


def _answer(document: JsonObject, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Write *document* in ASCII: some clients decode it as that."""
    body = json.dumps(document).encode("ascii")
    return Response(body, status, dict(_NO_STORE if headers is None else headers), media_type="application/json")
