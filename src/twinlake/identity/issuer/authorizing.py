"""Requests to the authorization endpoint: checked before anybody is asked to sign in, answered by a redirect."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from twinlake.identity.issuer.clients import ClientRegistry, grant_scopes
from twinlake.identity.issuer.codes import AuthorizationRequest, CodeStore
from twinlake.identity.issuer.errors import OAuthError, invalid_request
from twinlake.identity.issuer.models import AUTHORIZATION_CODE, Realm
from twinlake.identity.issuer.session_rows import Session

_TEXT_LENGTH = 2000
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class RefusedByRedirect(Exception):
    """The request is refused, and its client is told so at its own redirect URI."""

    def __init__(self, location: str) -> None:
        super().__init__("The request is refused.")
        self.location = location


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorizing:
    """Reads requests and writes what they are answered."""

    clients: ClientRegistry
    codes: CodeStore

    def read(self, realm: Realm, query: Mapping[str, str]) -> AuthorizationRequest:
        """Return a request that is good.

        Raises
        ------
        OAuthError
            The client or the redirect URI is not known: nobody is sent anywhere.
        RefusedByRedirect
            Something else is wrong.
        """
        client = self.clients.find(realm, query.get("client_id", ""))
        if client is None or AUTHORIZATION_CODE not in client.grants:
            raise OAuthError("invalid_client", "The client is not known here.")
        redirect_uri = query.get("redirect_uri", "")
        site = self.clients.owner_of(client, redirect_uri)
        if site is None:
            raise invalid_request("The redirect URI is not one of the client's.")
        if any(len(query.get(name, "")) > _TEXT_LENGTH for name in ("state", "nonce", "scope")):
            raise invalid_request("A parameter is too long.")
        if wrong := _find_wrong(query, needs_pkce=not client.is_legacy):
            answer = {"error": wrong[0], "error_description": wrong[1]}
            raise RefusedByRedirect(_to_location(realm, redirect_uri, query.get("state"), answer))
        return AuthorizationRequest(
            realm=realm.name,
            client=client.id,
            redirect_uri=redirect_uri,
            scope=" ".join(sorted(grant_scopes(client, realm, query.get("scope", "")))),
            site=site,
            state=query.get("state"),
            nonce=query.get("nonce"),
            challenge=query.get("code_challenge"),
        )

    async def answer(self, realm: Realm, request: AuthorizationRequest, browser: Session) -> str:
        """Return where the browser of who signed in is sent, with a code."""
        return _to_location(realm, request.redirect_uri, request.state, {"code": await self.codes.issue(browser, request)})

    def refuse(self, realm: Realm, request: AuthorizationRequest, error: str) -> str:
        """Return where a browser is sent that cannot sign in as the client wants it."""
        return _to_location(realm, request.redirect_uri, request.state, {"error": error})


def _find_wrong(query: Mapping[str, str], *, needs_pkce: bool) -> tuple[str, str] | None:
    """Return error and description of what a client is told at its redirect URI (RFC 6749, section 4.1.2.1)."""
    if query.get("response_type") != "code":
        return "unsupported_response_type", "Only code can be asked for."
    if query.get("response_mode", "query") != "query":
        return "invalid_request", "Only the response mode query is known here."
    for name in ("request", "request_uri"):
        if name in query:
            return f"{name}_not_supported", f"The parameter {name} is not known here."
    challenge = query.get("code_challenge")
    if challenge is None:
        return ("invalid_request", "PKCE is required: send a code_challenge.") if needs_pkce else None
    if query.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        return "invalid_request", "The code_challenge must be by S256."
    return None


def _to_location(realm: Realm, redirect_uri: str, state: str | None, answer: Mapping[str, str]) -> str:
    """Add an answer to a redirect URI, with who answers (RFC 9207)."""
    parameters = {**({} if state is None else {"state": state}), **answer, "iss": realm.url}
    return f"{redirect_uri}{'&' if urlsplit(redirect_uri).query else '?'}{urlencode(parameters)}"
