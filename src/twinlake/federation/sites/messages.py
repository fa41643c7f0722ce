"""What sites say to each other about each other: short, signed by the site, for one site and one minute."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from twinlake.federation.sites.descriptor import ALGORITHM, Url, check_url, own_keys
from twinlake.federation.sites.errors import JoinRefusedError
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.keys import jwt
from twinlake.identity.keys.ring import KeyRing

LIFE = timedelta(seconds=60)
JOIN = "twinlake-join+jwt"
STANDING = "twinlake-standing+jwt"
STANDING_ANSWER = "twinlake-standing-answer+jwt"

Standing = Literal["invited", "pending", "trusted", "left"]
"""What the one who speaks takes the other for."""

_Text = Annotated[str, msgspec.Meta(max_length=500)]


class Message(
    msgspec.Struct, frozen=True, kw_only=True, rename={"sender": "iss", "receiver": "aud", "issued": "iat", "expires": "exp"}
):
    """What every message says."""

    sender: _Text
    """Issuer id of the site that speaks."""
    receiver: _Text
    """Of the one that it speaks to."""
    issued: int
    expires: int
    keys: Annotated[list[dict[str, Any]], msgspec.Meta(max_length=8)]
    """Site keys of the sender, JSON Web Keys; one has signed."""


class JoinRequest(Message, frozen=True, kw_only=True):
    """A site asks to join, with the secret that it was invited with."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
    url: Url
    secret: _Text

    def __post_init__(self) -> None:
        check_url(self.url)


class StandingNote(Message, frozen=True, kw_only=True):
    """A site says what the other is to it; the answer repeats *nonce*."""

    standing: Standing
    nonce: _Text


M = TypeVar("M", bound=Message)


def sign_message(message: Message, keys: KeyRing, *, typ: str) -> str:
    """Return *message* signed by the site."""
    return jwt.sign(msgspec.to_builtins(message), keys.signing_key("site"), typ=typ)


def read_message(text: str, kind: type[M], *, typ: str, receiver: str, now: datetime) -> tuple[M, str]:
    """Return a message for *receiver*, and the thumbprint of the key that signed it: whose that is, the caller finds out.

    Raises
    ------
    JoinRefusedError
        It is not signed as it must be, has ended or is for another site.
    """
    try:
        header, claims = jwt.peek(text)
        message = msgspec.convert(claims, kind)
        jwt.verify(text, own_keys(message.keys), algorithms=[ALGORITHM], typ=typ)
        jwt.check_times(claims, now)
    except InvalidTokenError as error:
        raise JoinRefusedError(f"The site's message was refused. {error.message}") from error
    except msgspec.ValidationError as error:
        raise JoinRefusedError(f"The site's message was refused: {error}.") from None
    if message.receiver != receiver or message.expires - message.issued > 2 * LIFE.total_seconds():
        raise JoinRefusedError("The site's message was refused: it is for another site, or lives too long.")
    return message, str(header["kid"])
