"""Invites: a text that one operator makes and hands to another, good once and for a week."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from twinlake.core.clock import to_microseconds
from twinlake.core.randomness import Randomness
from twinlake.engines.database import Connection
from twinlake.federation.sites.descriptor import Url, check_url
from twinlake.federation.sites.errors import InviteError

LIFE = timedelta(days=7)
_PREFIX = "twinlake-invite:"
_MAX_TEXT = 4096
_SECRET_BYTES = 32


class Invite(msgspec.Struct, frozen=True, kw_only=True):
    """What the text says."""

    id: str
    """Of the site that invites."""
    url: Url
    """Its public URL."""
    fingerprint: str
    """Of its key."""
    secret: str

    def __post_init__(self) -> None:
        check_url(self.url)

    def to_text(self) -> str:
        """Write it as one word."""
        return _PREFIX + base64.urlsafe_b64encode(msgspec.json.encode(self)).rstrip(b"=").decode()


def parse_invite(text: str) -> Invite:
    """Read what `Invite.to_text` wrote.

    Raises
    ------
    InviteError
        It is something else, or was cut.
    """
    word = text.strip().removeprefix(_PREFIX)
    try:
        if len(word) > _MAX_TEXT:
            raise ValueError(word)
        return msgspec.json.decode(base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True), type=Invite)
    except (ValueError, msgspec.DecodeError):
        raise InviteError(
            "That is no invite, or a part of it is missing.", remedy="Copy the whole word that begins with twinlake-invite:."
        ) from None


@dataclass(frozen=True, slots=True)
class InviteBook:
    """Remembers which secrets are still good; only their hashes."""

    randomness: Randomness

    def add(self, tx: Connection, now: datetime) -> str:
        """Return a new secret; those that have ended are dropped."""
        secret = base64.urlsafe_b64encode(self.randomness(_SECRET_BYTES)).rstrip(b"=").decode()
        tx.execute("delete from federation_invite where expires_at <= ?", (to_microseconds(now),))
        tx.execute(
            "insert into federation_invite(secret_sha256, expires_at) values (?, ?)", (_hash(secret), to_microseconds(now + LIFE))
        )
        return secret

    def use(self, tx: Connection, secret: str, now: datetime, *, peer: str) -> None:
        """Let *peer* come with *secret*; the same site may repeat itself, for its answer may have been lost.

        Raises
        ------
        InviteError
            The secret is unknown, has ended, or another site came with it.
        """
        used = tx.execute(
            "update federation_invite set used_by = :peer"
            " where secret_sha256 = :secret and expires_at > :now and coalesce(used_by, :peer) = :peer",
            {"peer": peer, "secret": _hash(secret), "now": to_microseconds(now)},
        )
        if used.rowcount != 1:
            raise InviteError("The invite is not good: it was used, has ended, or was never made.", remedy="Ask for a new one.")


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
