"""The web applications of a site, as the issuer knows clients: those of the settings, and the console."""

from twinlake.identity.actions import SCOPES
from twinlake.identity.issuer.models import AUTHORIZATION_CODE, REFRESH_TOKEN, TOKEN_EXCHANGE, TOKENS_LIVE_LONG, Client
from twinlake.identity.relying import CALLBACK, CONSOLE_CLIENT, OWN_CONSOLE_CLIENT, SIGNED_OUT
from twinlake.identity.secrets import hash_secret
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


def console_clients(settings: SiteSettings, secret: str) -> tuple[Client, ...]:
    """Return the console as a client: of every site's realm ``desp``, and of its own site's ``dedl``."""
    callback, signed_out = frozenset({settings.base_url + CALLBACK}), frozenset({settings.base_url + SIGNED_OUT})
    return (
        Client(
            id=CONSOLE_CLIENT,
            title="Console",
            realms=frozenset({"desp"}),
            grants=frozenset({AUTHORIZATION_CODE}),
            site=settings.id,
            redirect_uris=callback,
            logout_redirect_uris=signed_out,
            is_everywhere=True,
        ),
        Client(
            id=OWN_CONSOLE_CLIENT,
            title="Console",
            realms=frozenset({"dedl"}),
            grants=frozenset({AUTHORIZATION_CODE, TOKEN_EXCHANGE}),
            site=settings.id,
            redirect_uris=callback,
            secret_sha256=hash_secret(secret),
            scopes=SCOPES,
            tokens_live=TOKENS_LIVE_LONG,
        ),
    )
