"""Clients: which programs may ask for tokens, how, and where people are sent back to."""

import base64
import hmac
from collections.abc import Iterable
from urllib.parse import unquote_plus

from twinlake.identity.actions import SCOPES
from twinlake.identity.issuer.errors import OAuthError, invalid_client, unauthorized_client
from twinlake.identity.issuer.models import (
    AUTHORIZATION_CODE,
    DEVICE_CODE,
    IDENTITY_SCOPES,
    PASSWORD,
    REFRESH_TOKEN,
    TOKEN_EXCHANGE,
    TOKENS_LIVE_LONG,
    Client,
    Realm,
    RealmName,
    RedirectOwners,
    TokenRequest,
)
from twinlake.identity.secrets import hash_secret

_DESP: frozenset[RealmName] = frozenset({"desp"})
_DEDL: frozenset[RealmName] = frozenset({"dedl"})
_CODE = frozenset({AUTHORIZATION_CODE, REFRESH_TOKEN})
EXCHANGE_CLIENT = "hda-public"
STACK_CLIENT = "dedl-stack-public-client"


def redirect_uris_of(public_url: str) -> dict[str, frozenset[str]]:
    """Return the redirect URIs that the clients of the real service have at a site, by client."""
    return {
        "dedl-hda": frozenset({f"{public_url}/stac", f"{public_url}/stac/v2"}),
        "dedl-hook": frozenset({f"{public_url}/odata/v1/"}),
        "polytope-api-public": frozenset({f"{public_url}/"}),
    }


def legacy_clients(site_id: str, public_url: str) -> list[Client]:
    """Return the clients of the real service: public, known by name, without PKCE."""
    uris = redirect_uris_of(public_url)

    def client(name: str, title: str, realms: frozenset[RealmName], grants: frozenset[str]) -> Client:
        return Client(
            id=name,
            title=title,
            realms=realms,
            grants=grants,
            site=site_id,
            redirect_uris=uris.get(name, frozenset()),
            is_legacy=True,
            tokens_live=TOKENS_LIVE_LONG,
            is_everywhere=True,
        )

    return [
        client("dedl-hda", "Harmonised Data Access", _DESP, _CODE | {DEVICE_CODE}),
        client("dedl-hook", "Hook", _DESP, _CODE),
        client("polytope-api-public", "Polytope", _DESP, _CODE),
        client(EXCHANGE_CLIENT, "Data access and processing", _DEDL, frozenset({TOKEN_EXCHANGE, DEVICE_CODE, REFRESH_TOKEN})),
        client(STACK_CLIENT, "Stack", _DEDL, frozenset({PASSWORD, REFRESH_TOKEN})),
    ]


class ClientRegistry:
    """Knows the clients of a site.

    Parameters
    ----------
    peers
        Redirect URIs of other sites, for the clients of the real service.
    """

    def __init__(self, clients: Iterable[Client], *, peers: RedirectOwners) -> None:
        self._clients = {client.id: client for client in clients}
        self._peers = peers

    def find(self, realm: Realm, client_id: str) -> Client | None:
        """Return a client of *realm*."""
        client = self._clients.get(client_id)
        return client if client is not None and realm.name in client.realms else None

    def owner_of(self, client: Client, redirect_uri: str) -> str | None:
        """Return the site whose redirect URI of *client* this is, exactly; None if it is nobody's."""
        if redirect_uri in client.redirect_uris:
            return client.site
        return self._peers.owner_of(client.id, redirect_uri) if client.is_everywhere else None

    def may_leave_to(self, client: Client, redirect_uri: str) -> bool:
        """Tell whether *client* may have people sent there, exactly, who signed out."""
        if redirect_uri in client.logout_redirect_uris:
            return True
        return client.is_everywhere and self._peers.may_leave_to(client.id, redirect_uri)

    def authenticate(self, request: TokenRequest, grant_type: str) -> Client:
        """Return the client that sends *request*; a confidential one has shown its secret.

        Raises
        ------
        OAuthError
            It is not known, did not show that it is the one, or may not use *grant_type*.
        """
        client_id, secret = read_credentials(request)
        client = self.find(request.realm, client_id)
        if client is None:
            raise invalid_client()
        if client.secret_sha256 is not None and not hmac.compare_digest(client.secret_sha256, hash_secret(secret)):
            raise invalid_client()
        if grant_type not in client.grants:
            raise unauthorized_client(grant_type)
        return client


def read_credentials(request: TokenRequest) -> tuple[str, str]:
    """Return a client's id and secret, from the header or the form (RFC 6749, section 2.3.1); both are no way to send them.

    Raises
    ------
    OAuthError
        There are none, or two that differ.
    """
    form_id, form_secret = request.form.get("client_id", ""), request.form.get("client_secret", "")
    if not request.authorization:
        if not form_id:
            raise invalid_client()
        return form_id, form_secret
    scheme, _, encoded = request.authorization.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:
        raise invalid_client() from None
    client_id, _, secret = (unquote_plus(part) for part in text.partition(":"))
    if scheme.lower() != "basic" or form_secret or form_id not in {"", client_id}:
        raise invalid_client()
    return client_id, secret


def grant_scopes(client: Client, realm: Realm, asked: str) -> frozenset[str]:
    """Return what *client* gets of the scopes that it asks for; unknown ones are left out, as RFC 6749, section 3.3, allows.

    Tokens of the desp realm open no resource, so they carry no scope of the site's.
    """
    names = frozenset(asked.split())
    identity = names & IDENTITY_SCOPES
    if realm.name == "desp":
        return identity
    wanted = names & SCOPES
    return identity | ((wanted & client.scopes) if wanted else (client.default_scopes & client.scopes))


def narrow_scopes(held: frozenset[str], asked: str) -> frozenset[str]:
    """Return those of *held* that are asked for; all where nothing is (RFC 6749, section 6).

    Raises
    ------
    OAuthError
        More is asked for than is held.
    """
    names = frozenset(asked.split())
    if not names <= held:
        raise OAuthError("invalid_scope", "More is asked for than was granted.")
    return names or held
