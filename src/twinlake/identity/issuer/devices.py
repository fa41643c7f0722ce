"""The device flow (RFC 8628): a program without a browser is let in by somebody who has one elsewhere."""

from collections import OrderedDict
from dataclasses import dataclass

from twinlake.core.clock import Clock
from twinlake.core.errors import OverloadedError
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection, Database
from twinlake.identity.issuer.codes import is_proven
from twinlake.identity.issuer.errors import OAuthError, invalid_grant
from twinlake.identity.issuer.models import REFRESH_TOKEN, Client, Realm
from twinlake.identity.issuer.refresh_tokens import RefreshTokens
from twinlake.identity.issuer.session_rows import Session, find_session, insert_session
from twinlake.identity.issuer.sessions import IssuerSessions
from twinlake.identity.secrets import hash_secret, new_secret

LIFE_SECONDS = 600
INTERVAL_SECONDS = 5
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""RFC 8628, section 6.1: no vowels, so that no words arise."""
_USER_CODE_LENGTH = 8
_MOST_PENDING, _MOST_PENDING_OF_ADDRESS = 1000, 50
_POLLS_KEPT = 2 * _MOST_PENDING


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRequest:
    """A program that waits to be let in."""

    user_code: str
    realm: str
    client: str
    scope: frozenset[str]


class DeviceStore:
    """Keeps what devices wait for."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        randomness: Randomness,
        sessions: IssuerSessions,
        refresh_tokens: RefreshTokens,
    ) -> None:
        self._database = database
        self._clock = clock
        self._randomness = randomness
        self._sessions = sessions
        self._refresh_tokens = refresh_tokens
        # Hash of a device code to (monotonic seconds of its last poll, seconds between polls).
        self._polls: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    async def start(
        self, realm: Realm, client: Client, *, scope: frozenset[str], challenge: str | None, address: str
    ) -> tuple[str, str]:
        """Return a device code and a user code.

        Raises
        ------
        OverloadedError
            Too many wait, or too many of *address*.
        """
        secret, user_code, now = new_secret(self._randomness), self._new_user_code(), self._sessions.now()
        row = (hash_secret(secret), user_code, realm.name, client.id, " ".join(sorted(scope)), challenge, address)

        def work(tx: Connection) -> bool:
            tx.execute("delete from issuer_device where ends_at < ?", (now,))
            count = "select count(*), coalesce(sum(address = ?), 0) from issuer_device"
            [(pending, pending_there)] = tx.execute(count, (address,)).fetchall()
            if pending >= _MOST_PENDING or pending_there >= _MOST_PENDING_OF_ADDRESS:
                return False
            tx.execute(
                "insert into issuer_device(secret_sha256, user_code, realm, client, scope, challenge, address, ends_at)"
                " values (?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, now + LIFE_SECONDS * 1_000_000),
            )
            return True

        if not await self._database.write(work):
            raise OverloadedError("Too many devices wait to be let in.", retry_after_seconds=60)
        return secret, user_code

    async def find_pending(self, realm: Realm, user_code: str) -> DeviceRequest | None:
        """Return what waits under a user code, however it is written."""
        code, now = _normalise(user_code), self._sessions.now()

        def work(tx: Connection) -> DeviceRequest | None:
            row = tx.execute(
                "select user_code, realm, client, scope from issuer_device"
                " where user_code = ? and realm = ? and state = 'pending' and ends_at > ?",
                (code, realm.name, now),
            ).fetchone()
            if row is None:
                return None
            return DeviceRequest(user_code=row[0], realm=row[1], client=row[2], scope=frozenset(row[3].split()))

        return await self._database.read(work)

    async def decide(self, realm: Realm, user_code: str, browser: Session, *, allowed: bool, request_id: str) -> bool:
        """Let a device in, or not, on behalf of who is signed in; tell whether it still waited."""
        values = ("allowed" if allowed else "denied", browser.sid, _normalise(user_code), realm.name, self._sessions.now())

        def work(tx: Connection) -> bool:
            update = (
                "update issuer_device set state = ?, browser = ?"
                " where user_code = ? and realm = ? and state = 'pending' and ends_at > ? returning client"
            )
            decided = tx.execute(update, values).fetchall()
            for (client,) in decided:
                action = "allow_device" if allowed else "refuse_device"
                self._sessions.append_audit(tx, action, browser, client=client, request_id=request_id)
            return bool(decided)

        return await self._database.write(work)

    async def redeem(self, device_code: str, *, realm: Realm, client: Client, verifier: str | None) -> tuple[Session, str | None]:
        """Open the session of a device that was let in; return its refresh token, too. That is done once.

        Raises
        ------
        OAuthError
            It waits still (``authorization_pending``), asks too often (``slow_down``), was refused or is too late.
        """
        digest, now = hash_secret(device_code), self._sessions.now()

        def work(tx: Connection) -> tuple[Session, str | None] | OAuthError:
            row = tx.execute(
                "select realm, client, scope, challenge, ends_at, state, browser from issuer_device where secret_sha256 = ?",
                (digest,),
            ).fetchone()
            if row is None or (row[0], row[1]) != (realm.name, client.id) or not is_proven(row[3], verifier):
                return invalid_grant("The device code is not known, or not this client's.")
            _, _, scope, _, ends_at, state, browser_sid = row
            if now >= ends_at:
                return OAuthError("expired_token", "The device code has expired.")
            if state == "pending":
                return self._wait(digest)
            tx.execute("delete from issuer_device where secret_sha256 = ?", (digest,))
            browser = find_session(tx, browser_sid) if browser_sid else None
            if state == "denied" or browser is None or not browser.is_alive(now):
                return OAuthError("access_denied", "The device was not let in.")
            session = self._sessions.new_client_session(
                browser.principal,
                realm=realm.name,
                client=client.id,
                scope=frozenset(scope.split()),
                site=client.site,
                parent=browser,
            )
            insert_session(tx, session)
            return session, self._refresh_tokens.issue(tx, session.sid) if REFRESH_TOKEN in client.grants else None

        outcome = await self._database.write(work)
        if isinstance(outcome, OAuthError):
            raise outcome
        return outcome

    def _wait(self, digest: bytes) -> OAuthError:
        """Note a poll; say that it came too soon, or that nobody has decided."""
        now = self._clock.monotonic()
        last, interval = self._polls.pop(digest, (-float(LIFE_SECONDS), float(INTERVAL_SECONDS)))
        # A poll that is sent on time may arrive a little early.
        too_soon = now - last < interval - 1.0
        self._polls[digest] = (now, interval + INTERVAL_SECONDS if too_soon else interval)
        while len(self._polls) > _POLLS_KEPT:
            self._polls.popitem(last=False)
        if too_soon:
            return OAuthError("slow_down", "The device asks too often.")
        return OAuthError("authorization_pending", "Nobody has let the device in yet.")

    def _new_user_code(self) -> str:
        letters = ""
        while len(letters) < _USER_CODE_LENGTH:
            # What lies beyond the last whole multiple would make the first letters likelier.
            letters += "".join(_LETTERS[byte % 20] for byte in self._randomness(16) if byte < 240)
        return letters[:_USER_CODE_LENGTH]


def write_user_code(code: str) -> str:
    """Return a user code as people read it: ``WDJB-MJHT``."""
    return f"{code[:4]}-{code[4:]}"


def _normalise(code: str) -> str:
    return "".join(letter for letter in code.upper() if letter in _LETTERS)
