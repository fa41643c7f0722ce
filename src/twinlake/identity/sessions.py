"""Sessions of people who signed in on the console."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response

from twinlake.core.clock import Clock, to_microseconds
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection, Database
from twinlake.identity.attempts import AttemptLimit
from twinlake.identity.credentials import is_signed
from twinlake.identity.errors import CrossSiteFormError, InvalidTokenError
from twinlake.identity.keys.sealing import Sealer
from twinlake.identity.principals import Caller
from twinlake.identity.secrets import hash_secret, new_secret
from twinlake.identity.tokens import TokenStore
from twinlake.identity.trust.bearer import BearerTokens

_IDLE = timedelta(hours=12)
_LONGEST = timedelta(days=7)
_WRITTEN_EVERY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session as its browser knows it."""

    secret: str
    """The cookie's value."""
    form_token: str
    """What every form of the session must carry in its field ``form_token``."""


@dataclass(frozen=True, slots=True)
class _Known:
    token_key: str | None
    sealed: bytes | None
    form_token: str
    opened_at: int
    used_at: int


class SessionStore:
    """Opens, recognises and closes sessions.

    A session stands on a token of this site or on an access token of its issuer, and ends with it, 12 hours after its
    last use, or 7 days after it began.

    Parameters
    ----------
    site_id
        Becomes part of the cookie's name, for several sites may be on one host.
    secure
        Whether users reach the site by https only.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        randomness: Randomness,
        tokens: TokenStore,
        bearers: BearerTokens,
        sealer: Sealer,
        attempts: AttemptLimit,
        site_id: str,
        secure: bool,
    ) -> None:
        self._database = database
        self._clock = clock
        self._randomness = randomness
        self._tokens = tokens
        self._bearers = bearers
        self._sealer = sealer
        self._attempts = attempts
        self.secure = secure
        """Whether cookies go over https only."""
        name = hashlib.sha256(site_id.encode()).hexdigest()[:12]
        # A browser keeps a __Host- cookie from subdomains and from plain http (RFC 6265bis, section 4.1.3.2).
        self.cookie_name = f"__Host-twinlake-{name}" if secure else f"twinlake-{name}"
        self._used: dict[bytes, int] = {}

    async def open_session(self, token: str, *, client: str, way_out: str = "") -> OpenSession:
        """Sign in with *token* from the address *client*.

        Parameters
        ----------
        way_out
            Kept sealed, and given back by `close_session`.

        Raises
        ------
        InvalidTokenError
            The token is not good.
        TooManyAttemptsError
            Too many bad ones came from this address.
        """
        self._attempts.check(client)
        secret, form_token = new_secret(self._randomness), new_secret(self._randomness)
        try:
            key, sealed = await self._stand_on(token.strip(), secret)
        except InvalidTokenError:
            self._attempts.note_failure(client)
            raise
        now = to_microseconds(self._clock.now())
        oldest = now - _microseconds(_LONGEST)
        way = self._sealer.seal(way_out.encode(), binding=_binding(secret)) if way_out else None
        row = (hash_secret(secret), key, sealed, form_token, now, now, way)

        def work(tx: Connection) -> None:
            tx.execute("delete from identity_session where opened_at < ?", (oldest,))
            tx.execute(
                "insert into identity_session(secret_sha256, token_key, sealed, form_token, opened_at, used_at, way_out)"
                " values (?, ?, ?, ?, ?, ?, ?)",
                row,
            )

        await self._database.write(work)
        return OpenSession(secret, form_token)

    async def _stand_on(self, token: str, secret: str) -> tuple[str | None, bytes | None]:
        """Check *token*; return its key, or itself sealed: it is as good as a password while it lives."""
        if not is_signed(token):
            return (await self._tokens.verify(token))[0], None
        if (await self._bearers.verify(token)).peer is not None:
            raise InvalidTokenError("The token is of a site; sessions are for people.")
        return None, self._sealer.seal(token.encode(), binding=_binding(secret))

    async def close_session(self, secret: str, form: Mapping[str, object]) -> str:
        """End a session by a form that was made for it, also where its token has expired by now.

        Returns
        -------
        The session's way out; empty text where it has none, or there is no such session any more.

        Raises
        ------
        CrossSiteFormError
            The form is not of this session.
        """
        digest = hash_secret(secret)

        def work(tx: Connection) -> bytes | None:
            found = tx.execute("select form_token, way_out from identity_session where secret_sha256 = ?", (digest,)).fetchone()
            if found is None:
                return None
            require_form_token(found[0], form)
            tx.execute("delete from identity_session where secret_sha256 = ?", (digest,))
            return found[1]  # type: ignore[no-any-return]  # a column of blobs

        way = await self._database.write(work)
        return "" if way is None else self._sealer.open(way, binding=_binding(secret)).decode()

    async def find_caller(self, secret: str) -> tuple[Caller, str] | None:
        """Return whom a session speaks for and its form token, or None if it has ended."""
        digest = hash_secret(secret)
        known = await self._database.read(lambda tx: _look_up(tx, digest))
        now = to_microseconds(self._clock.now())
        if known is None:
            return None
        used_at = max(known.used_at, self._used.get(digest, 0))
        if now - used_at > _microseconds(_IDLE) or now - known.opened_at > _microseconds(_LONGEST):
            return None
        try:
            caller = await self._caller_of(known, secret)
        except InvalidTokenError:
            return None
        if now - used_at > _microseconds(_WRITTEN_EVERY):
            self._used[digest] = now
        return caller, known.form_token

    async def _caller_of(self, known: _Known, secret: str) -> Caller:
        if known.token_key is not None:
            return await self._tokens.caller_of(known.token_key)
        return await self._bearers.verify(self._sealer.open(known.sealed or b"", binding=_binding(secret)).decode())

    def set_cookie(self, response: Response, session: OpenSession) -> None:
        """Give the browser its session."""
        response.set_cookie(
            self.cookie_name,
            session.secret,
            max_age=int(_LONGEST.total_seconds()),
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="strict",
        )

    def clear_cookie(self, response: Response) -> None:
        """Take the session from the browser."""
        response.delete_cookie(self.cookie_name, path="/", secure=self.secure, httponly=True, samesite="strict")

    async def flush(self) -> None:
        """Write when sessions were last used."""
        if self._used:
            rows = [(at, digest) for digest, at in self._used.items()]
            self._used = {}

            def work(tx: Connection) -> None:
                tx.executemany("update identity_session set used_at = ? where secret_sha256 = ?", rows)

            await self._database.write(work)


def require_form_token(expected: str, form: Mapping[str, object]) -> None:
    """Check that a form was made by this site for this session (``request.state.form_token``).

    Raises
    ------
    CrossSiteFormError
        The field ``form_token`` is missing or another's.
    """
    given = form.get("form_token")
    if not expected or not isinstance(given, str) or not hmac.compare_digest(given.encode(), expected.encode()):
        raise CrossSiteFormError("The form does not belong to this session.", remedy="Load the page again and repeat.")


def _look_up(tx: Connection, digest: bytes) -> _Known | None:
    row = tx.execute(
        "select token_key, sealed, form_token, opened_at, used_at from identity_session where secret_sha256 = ?", (digest,)
    ).fetchone()
    return None if row is None else _Known(*row)


def _binding(secret: str) -> str:
    return f"session|{hash_secret(secret).hex()}"


def _microseconds(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)
