"""Whom tokens speak for: accounts of this site, and the holders of its own desp tokens."""

from twinlake.core.clock import Clock
from twinlake.core.errors import NotFoundError
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.grants import GrantStore
from twinlake.identity.issuer.accounts import AccountStore
from twinlake.identity.issuer.errors import invalid_grant
from twinlake.identity.issuer.models import Realm, SubjectTokens
from twinlake.identity.issuer.sessions import SessionRegistry
from twinlake.identity.keys.jwt import audiences, check_times, peek, read_keys, verify
from twinlake.identity.keys.ring import KeyRing
from twinlake.identity.principals import Principal
from twinlake.identity.trust.models import DESP_ALIAS, VerifiedSubject

_ALGORITHMS = ("RS256",)


class OwnSubjects:
    """Looks up what may be asserted of accounts of this site."""

    def __init__(self, *, accounts: AccountStore, grants: GrantStore, issuer: str) -> None:
        self._accounts = accounts
        self._grants = grants
        self._issuer = issuer

    async def describe(self, principal: Principal, *, sid: str | None = None) -> VerifiedSubject:
        """Return an account with its present roles.

        Raises
        ------
        OAuthError
            There is no such account, or it is disabled.
        """
        try:
            account = await self._accounts.get(principal.subject)
        except NotFoundError:
            raise invalid_grant("The account is not there any more.") from None
        if principal.issuer != self._issuer or not account.is_enabled:
            raise invalid_grant("The account is not enabled.")
        given = {"preferred_username": account.username, "name": account.name, "email": account.email}
        roles = (await self._grants.get(principal)).roles
        attributes = {name: value for name, value in given.items() if value is not None}
        return VerifiedSubject(principal=principal, roles=roles, attributes=attributes, sid=sid)


class OwnDespTokens:
    """Verifies desp tokens of this very site (`SubjectTokens`).

    Parameters
    ----------
    others
        Asked about tokens that name another issuer.
    """

    def __init__(
        self,
        *,
        realm: Realm,
        keys: KeyRing,
        clock: Clock,
        sessions: SessionRegistry,
        subjects: OwnSubjects,
        issuer: str,
        site_id: str,
        others: SubjectTokens | None,
    ) -> None:
        self._realm = realm
        self._keys = keys
        self._clock = clock
        self._sessions = sessions
        self._subjects = subjects
        self._issuer = issuer
        self._site_id = site_id
        self._others = others

    async def verify(self, token: str, subject_issuer: str) -> VerifiedSubject:
        if self._others is not None and peek(token)[1].get("iss") != self._realm.url:
            return await self._others.verify(token, subject_issuer)
        if subject_issuer != DESP_ALIAS:
            raise InvalidTokenError(f"The issuer {subject_issuer[:80]!r} is not trusted.")
        claims = verify_own(token, self._realm, self._keys, self._clock)
        if claims.get("twinlake:site") != self._site_id:
            raise InvalidTokenError("The token is another site's to exchange.", remedy="Sign in at this site.")
        if audiences(claims):
            raise InvalidTokenError("The token is for somebody else.")
        sid = str(claims.get("sid", ""))
        if not await self._sessions.is_alive(sid):
            raise InvalidTokenError("The session of the token has ended.", remedy="Sign in again.")
        return await self._subjects.describe(Principal(self._issuer, str(claims.get("sub"))), sid=sid)


def verify_own(token: str, realm: Realm, keys: KeyRing, clock: Clock) -> dict[str, object]:
    """Return the claims of an access token that *realm* made and that has not expired.

    Raises
    ------
    InvalidTokenError
        It is not one.
    """
    claims = verify_signed(token, realm, keys)
    if claims.get("typ") != "Bearer":
        raise InvalidTokenError("The token is of another kind.", remedy="Send an access token.")
    check_times(claims, clock.now())
    return claims


def verify_signed(token: str, realm: Realm, keys: KeyRing) -> dict[str, object]:
    """Return the claims of a token of any kind that *realm* made, expired or not; raises as `verify_own` does."""
    published = read_keys(keys.public_keys(realm.name), algorithms=_ALGORITHMS)
    claims = verify(token, published, algorithms=_ALGORITHMS, typ="JWT")
    if claims.get("iss") != realm.url:
        raise InvalidTokenError("The token is of another issuer.")
    return claims
