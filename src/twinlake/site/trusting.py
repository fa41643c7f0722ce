"""What the sites of the federation are to this site's identity: whose word counts, where people sign in, who is asked."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from twinlake.core.clock import Clock
from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError, NotFoundError
from twinlake.federation.sites.breaking import Budget
from twinlake.federation.sites.calls import PeerClient, PeerQuestion
from twinlake.federation.sites.destinations import path_at
from twinlake.federation.sites.errors import PeerNotFoundError, PeerRefusedError
from twinlake.federation.sites.trust import Peer, PeerDirectory
from twinlake.identity.errors import InvalidTokenError, SiteNotProvenError
from twinlake.identity.issuer.build import Issuer
from twinlake.identity.issuer.clients import redirect_uris_of
from twinlake.identity.issuer.errors import OAuthError, invalid_grant
from twinlake.identity.issuer.models import ACCESS_TOKEN_TYPE, TOKEN_EXCHANGE, GrantHandler, Realm, TokenRequest
from twinlake.identity.issuer.subjects import DESP_ALIAS
from twinlake.identity.keys.jwt import peek
from twinlake.identity.principals import Caller
from twinlake.identity.relying import CALLBACK, CONSOLE_CLIENT, OWN_CONSOLE_CLIENT, SIGNED_OUT, Home
from twinlake.identity.trust.models import PeerRecord, TrustedIssuer
from twinlake.identity.trust.peer_tokens import PeerTokens
from twinlake.identity.trust.site_grants import CLIENT_ASSERTION_TYPE, SiteGrants
from twinlake.identity.trust.vault import SubjectVault
from twinlake.site.settings import SiteSettings

_TOKEN_SECONDS = 10.0
_TOKEN_BYTES = 64 << 10
_FORM = "application/x-www-form-urlencoded"


class TrustedSites:
    """The trust records as identity asks for them."""

    def __init__(self, *, settings: SiteSettings, directory: PeerDirectory, clock: Clock) -> None:
        self._settings = settings
        self._directory = directory
        self._clock = clock
        self._configured = tuple(
            TrustedIssuer(
                id=each.id,
                alias=alias,
                url=each.url,
                audience=each.audience,
                algorithms=each.algorithms,
                roles=frozenset(each.roles),
                leeway=timedelta(seconds=each.leeway_seconds),
            )
            for alias, each in settings.identity.issuers.items()
        )

    def find_peer(self, issuer: str) -> PeerRecord | None:
        """Return the trusted site with this issuer id."""
        peer = self._directory.find_by_issuer(issuer)
        if peer is None or peer.token_url is None:
            return None
        now = self._clock.now()
        return PeerRecord(
            id=peer.id, issuer=peer.issuer, token_url=peer.token_url, keys=peer.site_keys(now, signed_at=now), roles=peer.roles
        )

    def list_issuers(self) -> Sequence[TrustedIssuer]:
        """Return the issuers of the settings, and the realms ``desp`` of trusted sites."""
        now = self._clock.now()
        realms = [
            TrustedIssuer(
                id=peer.issuer,
                alias=DESP_ALIAS,
                url=Realm("desp", peer.public_url).url,
                keys=tuple(peer.descriptor.keys.desp),
                roles=peer.roles,
            )
            for peer in self._directory.list_trusted()
            if peer.descriptor is not None and peer.descriptor.keys.desp and not peer.is_stale(now)
        ]
        return (*self._configured, *realms)

    def roles_of_issuer(self, issuer: str) -> frozenset[str] | None:
        """Return the roles that the issuer with this id may assert; None where it is not trusted."""
        peer = self._directory.find_by_issuer(issuer)
        if peer is not None:
            return peer.roles
        return next((each.roles for each in self._configured if each.id == issuer), None)

    def list_homes(self) -> Sequence[Home]:
        """Return the sites where people may have their account; first where those of the whole federation have theirs."""
        settings = self._settings
        own = Home(
            id=settings.id,
            title=settings.title,
            realm_url=Realm("dedl", settings.base_url).url,
            client_id=OWN_CONSOLE_CLIENT,
        )
        others = [
            Home(id=peer.id, title=peer.title, realm_url=Realm("desp", peer.public_url).url)
            for peer in self._directory.list_trusted()
            if peer.descriptor is not None and peer.descriptor.keys.desp
        ]
        return (own, *others) if settings.signs_in_for_others else (*others, own)

    def owner_of(self, client_id: str, redirect_uri: str) -> str | None:
        """Return the trusted site whose redirect URI this is, exactly, for a client that every site has."""
        for peer in self._directory.list_trusted():
            if redirect_uri in _redirect_uris(client_id, peer.public_url):
                return peer.id
        return None

    def may_leave_to(self, client_id: str, redirect_uri: str) -> bool:
        """Tell whether this is where the console of a trusted site has people sent who signed out."""
        return client_id == CONSOLE_CLIENT and any(
            redirect_uri == peer.public_url + SIGNED_OUT for peer in self._directory.list_trusted()
        )


def _redirect_uris(client_id: str, public_url: str) -> frozenset[str]:
    if client_id == CONSOLE_CLIENT:
        return frozenset({public_url + CALLBACK})
    return redirect_uris_of(public_url).get(client_id, frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteEndpoints:
    """The token endpoints of this site and of its peers."""

    site_id: str
    directory: PeerDirectory
    client: PeerClient
    issuer: Issuer
    console_secret: str
    clock: Clock

    async def post_form(self, peer: PeerRecord, form: Mapping[str, str]) -> JsonObject:
        """Send *form* to the token endpoint of a trusted site; raises as `TokenEndpoints.post_form` does."""
        return await self._post(self.directory.get(peer.id), peer.token_url, form)

    async def redeem_code(self, home: Home, form: Mapping[str, str]) -> JsonObject:
        """Send the authorization code grant to a home; raises as `Realms.redeem_code` does."""
        if home.id == self.site_id:
            return await self._ask_own("authorization_code", form)
        return await self._post(self.directory.get(home.id), f"{home.realm_url}/protocol/openid-connect/token", form)

    async def exchange(self, home: Home, subject_token: str) -> JsonObject:
        """Exchange here what a home gave; raises as `Realms.exchange` does."""
        _ = home
        form = {
            "client_id": OWN_CONSOLE_CLIENT,
            "subject_token": subject_token,
            "subject_token_type": ACCESS_TOKEN_TYPE,
            "subject_issuer": DESP_ALIAS,
            "scope": "search read write process subscribe admin",
        }
        return await self._ask_own(TOKEN_EXCHANGE, form)

    async def _ask_own(self, grant: str, form: Mapping[str, str]) -> JsonObject:
        realm = next(each for each in self.issuer.realms if each.name == "dedl")
        asked = {**form, "grant_type": grant, "client_secret": self.console_secret}
        request = TokenRequest(realm=realm, form=asked, authorization="", address="console", request_id="console")
        return await self.issuer.grants[grant](request)

    async def _post(self, peer: Peer, url: str, form: Mapping[str, str]) -> JsonObject:
        question = PeerQuestion(path=path_at(peer, url), method="POST", body=urlencode(form).encode(), content_type=_FORM)
        budget = Budget(clock=self.clock, seconds=_TOKEN_SECONDS, size_bytes=_TOKEN_BYTES)
        try:
            answer = await self.client.ask_json(peer, question, budget=budget)
        except PeerRefusedError as error:
            if error.answered not in {400, 401, 403}:
                raise
            raise InvalidTokenError(error.message, remedy="Sign in again.") from None
        if not isinstance(answer, dict):
            raise InvalidTokenError(f"{peer.id} answered without a token.")
        return answer


def exchange_grant(*, people: GrantHandler, sites: SiteGrants, vault: SubjectVault, own_url: str) -> GrantHandler:
    """Return the token exchange of a site: for people's clients, and for other sites, which prove who they are.

    Parameters
    ----------
    own_url
        Of this site's own realm ``desp``: its tokens need not be kept, for this site is their home.
    """

    async def exchange(request: TokenRequest) -> JsonObject:
        if request.form.get("client_assertion_type") == CLIENT_ASSERTION_TYPE:
            with _in_oauth_form():
                return await sites.exchange(request.form)
        answer = await people(request)
        token = request.form.get("subject_token", "")
        if request.form.get("subject_issuer") == DESP_ALIAS and peek(token)[1].get("iss") != own_url:
            await vault.keep(answer["session_state"], token)
        return answer

    return exchange


def redeeming_grant(sites: SiteGrants) -> GrantHandler:
    """Return the grant by which other sites change assertions for tokens (RFC 7523)."""

    async def redeem(request: TokenRequest) -> JsonObject:
        with _in_oauth_form():
            return await sites.redeem(request.form)

    return redeem


@contextmanager
def _in_oauth_form() -> Iterator[None]:
    """Refuse as every client of a token endpoint reads it (RFC 6749, section 5.2; RFC 8693, section 2.2.2)."""
    try:
        yield
    except SiteNotProvenError as error:
        raise OAuthError("invalid_client", error.message, status=401) from None
    except (InvalidTokenError, NotFoundError) as error:
        raise invalid_grant(error.message) from None
    except InvalidInputError as error:
        raise OAuthError("invalid_target", error.message) from None


@dataclass(frozen=True, slots=True)
class TokensForPeers:
    """Tokens with which this site asks its peers."""

    tokens: PeerTokens

    async def token_for(self, caller: Caller, peer: Peer) -> str:
        """Return a token that speaks for *caller* at *peer*; raises as `PeerTokens.token_for` does."""
        return await self.tokens.token_for(caller, peer.issuer)


def require_peer(directory: PeerDirectory, peer: str) -> Peer:
    """Return a trusted peer by its id.

    Raises
    ------
    PeerNotFoundError
        There is none.
    """
    found = directory.find(peer)
    if found is None or found.state != "trusted":
        raise PeerNotFoundError(peer)
    return found
