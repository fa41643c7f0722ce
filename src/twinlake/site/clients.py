"""Web applications of the settings, as the issuer knows clients."""

from twinlake.identity.actions import SCOPES
from twinlake.identity.issuer.models import AUTHORIZATION_CODE, REFRESH_TOKEN, Client
from twinlake.site.settings import SiteSettings


def configured_clients(settings: SiteSettings) -> tuple[Client, ...]:
    """Return the clients that *settings* names: of the realm of this site, with PKCE; they may ask for every scope."""
    return tuple(
        Client(
            id=each.id,
            title=each.title,
            realms=frozenset({"dedl"}),
            grants=frozenset({AUTHORIZATION_CODE, REFRESH_TOKEN}),
            site=settings.id,
            redirect_uris=frozenset(each.redirect_uris),
            secret_sha256=None if each.secret_sha256 is None else bytes.fromhex(each.secret_sha256),
            scopes=SCOPES,
            logout_redirect_uris=frozenset(each.logout_redirect_uris),
            back_channel_logout_uri=each.back_channel_logout_uri,
        )
        for each in settings.identity.clients
    )
