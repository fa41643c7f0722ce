"""The trusted sites as identity knows them: whose word counts here, and where people have their accounts."""

from collections.abc import Sequence
from datetime import timedelta

from twinlake.core.clock import Clock
from twinlake.federation.sites.trust import PeerDirectory
from twinlake.identity.issuer.clients import redirect_uris_of
from twinlake.identity.issuer.models import Realm
from twinlake.identity.relying import CALLBACK, CONSOLE_CLIENT, OWN_CONSOLE_CLIENT, SIGNED_OUT, Home
from twinlake.identity.trust.models import DESP_ALIAS, PeerRecord, TrustedIssuer
from twinlake.site.settings import SiteSettings


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
