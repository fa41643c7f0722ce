"""The grants by which other sites get tokens here, as the issuer's token endpoint has grants."""

from collections.abc import Iterator
from contextlib import contextmanager

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError, NotFoundError
from twinlake.identity.errors import InvalidTokenError, SiteNotProvenError
from twinlake.identity.issuer.errors import OAuthError, invalid_grant
from twinlake.identity.issuer.models import GrantHandler, TokenRequest
from twinlake.identity.keys.jwt import peek
from twinlake.identity.trust.models import DESP_ALIAS
from twinlake.identity.trust.site_grants import CLIENT_ASSERTION_TYPE, SiteGrants
from twinlake.identity.trust.vault import SubjectVault


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
