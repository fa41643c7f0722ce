"""Sealed page tokens: opaque, tamper-proof, bound to the query and the caller they were made for."""

import base64
import hashlib
import hmac

from twinlake.core.errors import InvalidInputError

_TAG_BYTES = 16


class TokenSeal:
    """Seals and opens page tokens with one key of the site (HMAC-SHA-256, truncated to 128 bits)."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, payload: bytes, binding: bytes) -> str:
        """Return a URL-safe token for *payload* that opens only with the same *binding*."""
        return base64.urlsafe_b64encode(self._tag(payload, binding) + payload).rstrip(b"=").decode()

    def open(self, token: str, binding: bytes) -> bytes:
        """Return the payload of *token*.

        Raises
        ------
        InvalidInputError
            The token was not made by this site for this binding.
        """
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (ValueError, UnicodeEncodeError):
            raw = b""
        tag, payload = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        if len(tag) != _TAG_BYTES or not hmac.compare_digest(tag, self._tag(payload, binding)):
            raise InvalidInputError(
                "The page token does not belong to this query and caller.",
                remedy="Start again from the first page, or send the next link exactly as it was given.",
            )
        return payload

    def _tag(self, payload: bytes, binding: bytes) -> bytes:
        message = len(binding).to_bytes(8, "big") + binding + payload
        return hmac.new(self._key, message, hashlib.sha256).digest()[:_TAG_BYTES]
