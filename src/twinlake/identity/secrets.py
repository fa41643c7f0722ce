"""Secrets that a site hands out: only their hashes stay."""

import base64
import hashlib
import re

from twinlake.core.randomness import Randomness

_TOKEN = re.compile(r"tl_([0-9a-f]{16})\.([A-Za-z0-9_-]{43})")


def new_secret(randomness: Randomness) -> str:
    """Make a secret of 256 bits, URL-safe text of 43 characters."""
    return base64.urlsafe_b64encode(randomness(32)).rstrip(b"=").decode()


def hash_secret(secret: str) -> bytes:
    """Return the SHA-256 of a secret; slow hashing is for what people choose, not for 256 bits of chance."""
    return hashlib.sha256(secret.encode()).digest()


def new_token_key(randomness: Randomness) -> str:
    """Make the public half of a token, its name in lists and logs: 16 hex digits."""
    return randomness(8).hex()


def join_token(key: str, secret: str) -> str:
    """Return the token as its owner keeps it."""
    return f"tl_{key}.{secret}"


def split_token(token: str) -> tuple[str, str] | None:
    """Return key and secret of what has the form of a token."""
    match = _TOKEN.fullmatch(token)
    return None if match is None else (match[1], match[2])
