"""Authorization codes: for a minute, once, for the client, redirect URI and verifier that they were made for."""

import base64
import hashlib
import hmac
import json
import re
from dataclasses import asdict, dataclass
from enum import Enum

from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection, Database
from twinlake.identity.issuer.errors import invalid_grant
from twinlake.identity.issuer.models import REFRESH_TOKEN, Client, Realm
from twinlake.identity.issuer.refresh_tokens import RefreshTokens
from twinlake.identity.issuer.session_rows import Session, find_session, insert_session
from twinlake.identity.issuer.sessions import IssuerSessions
from twinlake.identity.secrets import hash_secret, new_secret

_LIFE_MICROSECONDS = 60_000_000
_KEPT_MICROSECONDS = 86_400_000_000
"""Used codes are remembered, so that a replay ends what was given for them."""
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
"""RFC 7636, section 4.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """What a client asked for when it sent somebody to sign in, already checked."""

    realm: str
    client: str
    redirect_uri: str
    scope: str
    site: str
    """That owns the redirect URI."""
    state: str | None = None
    nonce: str | None = None
    challenge: str | None = None
    """Of PKCE, S256."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    """What a code was changed for."""

    session: Session
    request: AuthorizationRequest
    refresh_token: str | None


class _Refused(Enum):
    BAD = "The code is not good: unknown, expired, or not made for this client, redirect URI and verifier."
    USED = "The code was used before; what was given for it has ended."


class CodeStore:
    """Issues and redeems codes."""

    def __init__(
        self, *, database: Database, randomness: Randomness, sessions: IssuerSessions, refresh_tokens: RefreshTokens
    ) -> None:
        self._database = database
        self._randomness = randomness
        self._sessions = sessions
        self._refresh_tokens = refresh_tokens

    async def issue(self, browser: Session, request: AuthorizationRequest) -> str:
        """Make a code for *request*, made within the session of a browser."""
        secret, now = new_secret(self._randomness), self._sessions.now()
        row = (hash_secret(secret), browser.sid, json.dumps(asdict(request)), now + _LIFE_MICROSECONDS)

        def work(tx: Connection) -> None:
            tx.execute(
                "delete from issuer_code where secret_sha256 in"
                " (select secret_sha256 from issuer_code where ends_at < ? limit 50)",
                (now - _KEPT_MICROSECONDS,),
            )
            tx.execute("insert into issuer_code(secret_sha256, browser, request, ends_at) values (?, ?, ?, ?)", row)

        await self._database.write(work)
        return secret

    async def redeem(
        self, code: str, *, realm: Realm, client: Client, redirect_uri: str, verifier: str | None, request_id: str
    ) -> Redeemed:
        """Use a code up and open the client's session.

        Raises
        ------
        OAuthError
            It is not good. Where it was used before, what was given for it has ended now.
        """
        digest, now = hash_secret(code), self._sessions.now()
        ended: list[Session] = []

        def work(tx: Connection) -> Redeemed | _Refused:
            row = tx.execute(
                "select browser, request, ends_at, sid from issuer_code where secret_sha256 = ?", (digest,)
            ).fetchone()
            if row is None:
                return _Refused.BAD
            sid, text, ends_at, used = row
            if used is not None:
                ended.extend(self._sessions.end_stolen(tx, used, request_id=request_id))
                return _Refused.USED
            request, browser = AuthorizationRequest(**json.loads(text)), find_session(tx, sid)
            asked = (realm.name, client.id, redirect_uri)
            good = (
                now < ends_at
                and browser is not None
                and browser.is_alive(now)
                and asked == (request.realm, request.client, request.redirect_uri)
                and is_proven(request.challenge, verifier)
            )
            if browser is None or not good:
                # Whoever tries it wrongly has no second try.
                tx.execute("update issuer_code set sid = '' where secret_sha256 = ?", (digest,))
                return _Refused.BAD
            session = self._sessions.new_client_session(
                browser.principal,
                realm=realm.name,
                client=client.id,
                scope=frozenset(request.scope.split()),
                site=request.site,
                parent=browser,
            )
            insert_session(tx, session)
            tx.execute("update issuer_code set sid = ? where secret_sha256 = ?", (session.sid, digest))
            refresh_token = self._refresh_tokens.issue(tx, session.sid) if REFRESH_TOKEN in client.grants else None
            return Redeemed(session=session, request=request, refresh_token=refresh_token)

        outcome = await self._database.write(work)
        if isinstance(outcome, _Refused):
            if ended:
                await self._sessions.note_ended(ended)
            raise invalid_grant(outcome.value)
        return outcome


def is_proven(challenge: str | None, verifier: str | None) -> bool:
    """Tell whether *verifier* is whose *challenge* was sent (RFC 7636, section 4.6); one without the other is not."""
    if challenge is None or verifier is None:
        return challenge is None and verifier is None
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return hmac.compare_digest(digest, challenge)
