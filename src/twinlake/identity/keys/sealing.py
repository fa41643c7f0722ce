"""Sealing of secrets that must be read again: with a key that lies outside of the database."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from twinlake.core.errors import InvalidInputError
from twinlake.core.randomness import Randomness

_NONCE_BYTES = 12
"""NIST SP 800-38D, section 8.2.2."""


class Sealer:
    """Encrypts and authenticates (AES-256-GCM).

    Parameters
    ----------
    key
        32 bytes derived from the site's key file, for one purpose.
    """

    def __init__(self, key: bytes, *, randomness: Randomness) -> None:
        self._cipher = AESGCM(key)
        self._randomness = randomness

    def seal(self, secret: bytes, *, binding: str) -> bytes:
        """Return *secret* so that only this key opens it, and only for what *binding* names."""
        nonce = self._randomness(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, binding.encode())

    def open(self, sealed: bytes, *, binding: str) -> bytes:
        """Return what was sealed.

        Raises
        ------
        InvalidInputError
            It was sealed with another key or for something else, or is damaged.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], binding.encode())
        except (InvalidTag, ValueError):
            raise InvalidInputError(
                "A secret in the database was sealed with another key.",
                remedy="Restore site.key and the database from the same backup.",
            ) from None
