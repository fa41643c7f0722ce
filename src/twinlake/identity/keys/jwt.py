"""JSON Web Tokens (RFC 7519), signed and verified strictly: named algorithms and keys, a type that must fit, times that hold.

A token's own hints about keys (``jku``, ``jwk``, ``x5u``, ``x5c``) are never followed (RFC 8725, section 3.10).
"""

import json
import math
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from twinlake.core.documents import JsonObject
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.keys.ring import SigningKey

LEEWAY = timedelta(seconds=30)
BACK_DATED = timedelta(seconds=5)
"""``iat`` lies this far back: some clients refuse a token that a clock ahead of theirs has just made."""
_MAX_BYTES = 16 << 10

PublicKey = OKPKey | RSAKey | ECKey
_FAMILIES: Mapping[str, str] = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "Ed25519": "OKP"}


def sign(claims: JsonObject, key: SigningKey, *, typ: str) -> str:
    """Return *claims* as a compact token of the type *typ* (RFC 8725, section 3.11); ASCII, whatever the claims hold."""
    header = {"alg": key.algorithm, "kid": key.kid, "typ": typ}
    payload = json.dumps(claims, separators=(",", ":")).encode()
    return jws.serialize_compact(header, payload, key.key, algorithms=[key.algorithm])


def read_keys(keys: Iterable[JsonObject], *, algorithms: Collection[str]) -> dict[str, PublicKey]:
    """Return the usable keys of a set by their ``kid``; a key of another kind than *algorithms* need is left out."""
    families = {_FAMILIES[algorithm] for algorithm in algorithms}
    usable: dict[str, PublicKey] = {}
    for document in keys:
        kid = document.get("kid")
        if not isinstance(kid, str) or document.get("kty") not in families or document.get("use", "sig") != "sig":
            continue
        try:
            key = import_key({name: value for name, value in document.items() if name not in {"d", "p", "q", "dp", "dq", "qi"}})
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, OKPKey | RSAKey | ECKey):
            usable[kid] = key
    return usable


def peek(token: str, *, max_bytes: int = _MAX_BYTES) -> tuple[JsonObject, JsonObject]:
    """Return header and claims of *token*, **not verified**: only to find out whose keys are to be asked.

    Parameters
    ----------
    max_bytes
        A longer one is not looked at.

    Raises
    ------
    InvalidTokenError
        It is no compact signed token.
    """
    if len(token) > max_bytes or token.count(".") != 2:
        raise _bad("it is not a compact signed token")
    try:
        found = jws.extract_compact(token.encode("ascii"))
        claims = json.loads(found.payload)
    except (JoseError, ValueError, RecursionError):
        raise _bad("it is not a compact signed token") from None
    header = found.headers()
    if not isinstance(claims, dict) or not isinstance(header, dict):
        raise _bad("its claims are no object")
    return header, claims


def verify(
    token: str,
    keys: Mapping[str, PublicKey],
    *,
    algorithms: Collection[str],
    typ: str | None,
    max_bytes: int = _MAX_BYTES,
) -> JsonObject:
    """Return the claims of *token*, whose signature is good; times are checked by `check_times`.

    Parameters
    ----------
    keys
        Of one issuer, by ``kid``, as `read_keys` gives them.
    typ
        The type that the header must state; None takes any.
    max_bytes
        A longer one is not looked at.

    Raises
    ------
    InvalidTokenError
        The signature is not by one of *keys*, or the header is not as it must be.
    """
    header, claims = peek(token, max_bytes=max_bytes)
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise _bad("its algorithm is not allowed")
    key = keys.get(kid) if isinstance(kid, str) else None
    if key is None:
        raise UnknownKeyError
    if typ is not None and str(header.get("typ")).lower().removeprefix("application/") != typ.lower():
        raise _bad("it is of another type")
    if "crit" in header:
        raise _bad("it demands an extension that is not known here")
    try:
        jws.deserialize_compact(token.encode("ascii"), key, algorithms=[algorithm])
    except (JoseError, ValueError):
        raise _bad("its signature is not good") from None
    return claims


def check_times(claims: JsonObject, now: datetime, *, leeway: timedelta = LEEWAY) -> None:
    """Check ``exp`` (required), ``nbf`` and ``iat`` (RFC 7519, section 4.1).

    Raises
    ------
    InvalidTokenError
        The token has ended or not yet begun.
    """
    expires = _instant(claims, "exp")
    if expires is None:
        raise _bad("it has no end")
    if now.timestamp() >= expires + leeway.total_seconds():
        raise InvalidTokenError("The token has expired.", remedy="Ask for a new one.")
    for name in ("nbf", "iat"):
        begins = _instant(claims, name)
        if begins is not None and now.timestamp() < begins - leeway.total_seconds():
            raise _bad("its time has not come")


def audiences(claims: JsonObject) -> tuple[Any, ...]:
    """Return ``aud`` as a tuple: it may be one text, a list or absent."""
    aud = claims.get("aud", ())
    return (aud,) if isinstance(aud, str) else tuple(aud) if isinstance(aud, list) else ()


class UnknownKeyError(InvalidTokenError):
    """The token names a key that its issuer has not published, as far as is known here."""

    def __init__(self) -> None:
        super().__init__("The token is not good: it is signed with a key that is not known.", remedy="Ask for a new one.")


def _instant(claims: JsonObject, name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _bad(f"{name} is no number")
    return float(value)


def _bad(reason: str) -> InvalidTokenError:
    return InvalidTokenError(f"The token is not good: {reason}.", remedy="Ask for a new one.")
