import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import jwt as oracle
import pytest
from joserfc.jwk import OKPKey, RSAKey

from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.keys.jwt import UnknownKeyError, audiences, check_times, peek, read_keys, sign, verify
from twinlake.identity.keys.ring import SigningKey

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RSA = RSAKey.generate_key(2048)
ED = OKPKey.generate_key("Ed25519")
SIGNING = {"RS256": SigningKey("rsa", "RS256", RSA), "Ed25519": SigningKey("ed", "Ed25519", ED)}
PUBLISHED = [
    {**RSA.as_dict(private=False), "kid": "rsa", "use": "sig"},
    {**ED.as_dict(private=False), "kid": "ed", "use": "sig"},
]
CLAIMS = {"sub": "alice", "name": "Åsa"}


def encode(part):
    return base64.urlsafe_b64encode(part if isinstance(part, bytes) else json.dumps(part).encode()).rstrip(b"=").decode()


def check(token, *, algorithms=("RS256",), typ=None):
    return verify(token, read_keys(PUBLISHED, algorithms=algorithms), algorithms=algorithms, typ=typ)


@pytest.mark.parametrize("algorithm", SIGNING)
def test_what_is_signed_is_verified(algorithm):
    token = sign(CLAIMS, SIGNING[algorithm], typ="at+jwt")

    assert token.isascii()
    assert check(token, algorithms=(algorithm,), typ="at+jwt") == CLAIMS


def test_another_library_verifies_it_too():
    assert oracle.decode(sign(CLAIMS, SIGNING["RS256"], typ="JWT"), RSA.raw_value.public_key(), algorithms=["RS256"]) == CLAIMS


def forged():
    good = sign(CLAIMS, SIGNING["RS256"], typ="JWT")
    head, body, signature = good.split(".")
    pem = RSA.as_pem(private=False)
    mixed = encode({"alg": "HS256", "kid": "rsa"}) + "." + body
    other = SigningKey("rsa", "RS256", RSAKey.generate_key(2048))
    yield "none", encode({"alg": "none", "kid": "rsa"}) + "." + body + "."
    yield "None", encode({"alg": "None", "kid": "rsa"}) + "." + body + "." + signature
    yield "public key as HMAC secret", mixed + "." + encode(hmac.new(pem, mixed.encode(), hashlib.sha256).digest())
    yield "stripped signature", f"{head}.{body}."
    yield "edited payload", f"{head}.{encode({**CLAIMS, 'sub': 'root'})}.{signature}"
    yield "another key of this name", sign(CLAIMS, other, typ="JWT")
    yield "no kid", encode({"alg": "RS256"}) + "." + body + "." + signature
    yield "kid is no text", encode({"alg": "RS256", "kid": ["rsa"]}) + "." + body + "." + signature
    yield "kid is a path", encode({"alg": "RS256", "kid": "../../dev/null"}) + "." + body + "." + signature
    yield "key in the header", sign_with_header({"alg": "RS256", "kid": "new", "jwk": other.key.as_dict(private=False)}, other)
    yield "key at an address", sign_with_header({"alg": "RS256", "kid": "new", "jku": "https://evil.example/jwks"}, other)
    yield "certificate at an address", sign_with_header({"alg": "RS256", "kid": "new", "x5u": "https://evil.example/"}, other)
    yield (
        "unknown critical extension",
        sign_with_header({"alg": "RS256", "kid": "rsa", "crit": ["b64"], "b64": False}, SIGNING["RS256"]),
    )
    yield "algorithm of another family", sign(CLAIMS, SIGNING["Ed25519"], typ="JWT")
    yield "encrypted form", "a.b.c.d.e"
    yield "two parts", f"{head}.{body}"
    yield "no base64", "!.!.!"
    yield "claims that are no object", f"{head}.{encode([1])}.{signature}"
    yield "endless", good + "A" * 20_000
    yield "deep", f"{head}.{encode(b'[' * 10_000)}.{signature}"
    yield "not ASCII", "é.é.é"
    yield "empty", ""


def sign_with_header(header, key):
    body = encode(CLAIMS)
    signed = f"{encode(header)}.{body}"
    return f"{signed}.{encode(key.key.raw_value.sign(signed.encode(), *padding()))}"


def padding():
    from cryptography.hazmat.primitives.asymmetric import padding as paddings
    from cryptography.hazmat.primitives.hashes import SHA256

    return paddings.PKCS1v15(), SHA256()


@pytest.mark.parametrize(("name", "token"), list(forged()), ids=[name for name, _ in forged()])
def test_a_forged_token_is_refused(name, token):
    with pytest.raises(InvalidTokenError):
        check(token)


def test_a_token_of_another_type_is_refused():
    with pytest.raises(InvalidTokenError, match="type"):
        check(sign(CLAIMS, SIGNING["RS256"], typ="JWT"), typ="twinlake-assertion+jwt")


def test_an_unknown_key_is_told_apart_so_that_keys_can_be_asked_for_again():
    with pytest.raises(UnknownKeyError):
        check(sign(CLAIMS, SigningKey("new", "RS256", RSA), typ="JWT"))


def test_private_parts_and_keys_for_encryption_in_a_set_are_left_out():
    keys = read_keys(
        [
            {**RSA.as_dict(private=True), "kid": "a"},
            {**RSA.as_dict(private=False), "kid": "b", "use": "enc"},
            {"kid": "c", "kty": "RSA"},
            {},
        ],
        algorithms=("RS256",),
    )

    assert list(keys) == ["a"]
    assert not keys["a"].is_private


@pytest.mark.parametrize(
    ("claims", "fits"),
    [
        ({"exp": 0}, False),
        ({}, False),
        ({"exp": "never"}, False),
        ({"exp": True}, False),
        ({"exp": 29}, True),
        ({"exp": -29}, True),
        ({"exp": -31}, False),
        ({"exp": 60, "nbf": 29}, True),
        ({"exp": 60, "nbf": 31}, False),
        ({"exp": 60, "iat": 120}, False),
        ({"exp": 1e400}, False),
    ],
)
def test_times_hold_within_the_leeway(claims, fits):
    shifted = {name: value + NOW.timestamp() if type(value) is int and value else value for name, value in claims.items()}
    if fits:
        check_times(shifted, NOW, leeway=timedelta(seconds=30))
    else:
        with pytest.raises(InvalidTokenError):
            check_times(shifted, NOW, leeway=timedelta(seconds=30))


def test_peeking_reads_without_verifying():
    header, claims = peek(sign(CLAIMS, SIGNING["RS256"], typ="JWT"))

    assert (header["kid"], claims["sub"]) == ("rsa", "alice")


@pytest.mark.parametrize(("aud", "found"), [("a", ("a",)), (["a", "b"], ("a", "b")), (None, ()), (7, ())])
def test_audiences_are_one_or_many(aud, found):
    assert audiences({} if aud is None else {"aud": aud}) == found
