"""What a site says of itself, signed by its own keys, and how a site that hears it decides whether to believe it.

A descriptor is one JSON text, signed by every key of the site that it names (a JSON Web Signature of each): who has
trusted one of those keys learns the others from it, so that keys are rotated without asking anybody.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from yarl import URL

from twinlake.core.documents import JsonObject
from twinlake.federation.sites.errors import DescriptorRefusedError
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.keys import jwt
from twinlake.identity.keys.ring import SigningKey
from twinlake.identity.principals import site_issuer

PROTOCOL = 1
"""Of what sites say to each other; another number is another language."""
LIFE = timedelta(hours=24)
TYPE = "twinlake-descriptor+jwt"
ALGORITHM = "Ed25519"
MAX_COLLECTIONS = 5_000
MAX_TITLE = 100
MAX_SIGNED_BYTES = 4 << 20
"""Of one signed text."""
MAX_SIGNATURES = 4

_Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
_Text = Annotated[str, msgspec.Meta(max_length=500)]
Url = Annotated[str, msgspec.Meta(max_length=2048, pattern=r"^https?://[^\s\\@#?]+$")]
"""Read in full by `check_url`."""
_Keys = Annotated[list[dict[str, Any]], msgspec.Meta(max_length=8)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
_Instant = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)]
"""Seconds since 1970 UTC, before the year 10000."""


class CollectionNotice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A collection that everybody may discover at the site."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    title: Annotated[str, msgspec.Meta(max_length=MAX_TITLE)] = ""
    bbox: tuple[float, float, float, float] | None = None
    """West, south, east, north in degrees (WGS 84); west > east crosses the antimeridian."""
    interval: tuple[_Text | None, _Text | None] | None = None
    """RFC 3339; None is open."""
    items: _Count = 0


class SiteKeys(msgspec.Struct, frozen=True, kw_only=True):
    """JSON Web Keys (RFC 7517), public halves."""

    site: _Keys
    """Sign what the site says to other sites; named by their thumbprints (RFC 7638)."""
    dedl: _Keys
    """Sign the tokens of its realm."""
    desp: _Keys = []
    """Sign the tokens of its realm ``desp``; none where nobody signs in there for other sites."""


class Descriptor(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={"issuer": "iss", "issued": "iat", "expires": "exp", "operator_name": "operator"},
):
    """What a site says of itself."""

    id: _Id
    issuer: _Text
    """``urn:twinlake:site:ID``."""
    protocol: int
    role: Literal["central", "bridge"]
    operator_name: _Text
    place: _Text
    title: _Text = ""
    """Name shown to people."""
    url: Url
    """Under which users reach it, without a trailing slash."""
    token_url: Url
    """Of its ``dedl`` realm."""
    keys: SiteKeys
    services: Annotated[dict[_Text, Url], msgspec.Meta(max_length=50)]
    """URLs by name."""
    collections: Annotated[list[CollectionNotice], msgspec.Meta(max_length=MAX_COLLECTIONS)]
    seq: Annotated[int, msgspec.Meta(ge=1, le=1 << 62)]
    """Higher in each that is issued."""
    unlisted: _Count = 0
    """How many more collections everybody may discover there, for which *collections* had no place."""
    issued: _Instant
    expires: _Instant

    def __post_init__(self) -> None:
        for url in (self.url, self.token_url, *self.services.values()):
            check_url(url)
        if self.url.endswith("/"):
            raise ValueError("the URL of the site ends with a slash")

    @property
    def expires_at(self) -> datetime:
        """When it ends."""
        return datetime.fromtimestamp(self.expires, UTC)

    @property
    def collection_ids(self) -> frozenset[str]:
        """Of what everybody may discover there."""
        return frozenset(each.id for each in self.collections)


def check_url(text: str) -> None:
    """Check that *text* is the URL of a site, or of a part of it.

    Raises
    ------
    ValueError
        It has no host or port that can be.
    """
    url = URL(text)
    if url.scheme not in {"http", "https"} or not url.host or not url.port:
        raise ValueError(f"{text[:200]!r} is no URL of a site")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a descriptor must agree with."""

    id: str
    fingerprints: frozenset[str]
    """Thumbprints of the keys of the site that are trusted; one at least must have signed."""
    seq: int = 0
    """Of the last that was taken; 0 before the first."""
    content_sha256: bytes = b""
    """Of that one's content."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A descriptor that was believed."""

    descriptor: Descriptor
    content_sha256: bytes
    fingerprints: frozenset[str]
    """Of the keys that the site has now."""


def sign_descriptor(descriptor: Descriptor, keys: Sequence[SigningKey]) -> list[str]:
    """Return *descriptor* signed with each of *keys*, compact (RFC 7515, section 7.1), over the same content."""
    claims = to_document(descriptor)
    return [jwt.sign(claims, key, typ=TYPE) for key in keys]


def to_document(descriptor: Descriptor) -> JsonObject:
    """Write *descriptor* as JSON."""
    document: JsonObject = msgspec.to_builtins(descriptor)
    return document


def from_document(document: object) -> Descriptor:
    """Read what `to_document` wrote; `msgspec.ValidationError` where it is anything else."""
    return msgspec.convert(document, Descriptor)


def read_descriptor(signed: Sequence[str], known: Known, now: datetime) -> Heard:
    """Return the descriptor in *signed* if it is to be believed.

    Raises
    ------
    DescriptorRefusedError
        It is not; its ``reason`` says why.
    """
    content = _only_content(signed)
    descriptor, claims = _parse(signed[0])
    signers = _verify_all(signed, descriptor)
    if not signers & known.fingerprints:
        raise DescriptorRefusedError("unknown-key", "it is signed with no key that this site trusts")
    _check_identity(descriptor, known)
    _check_life(descriptor, claims, now)
    digest = hashlib.sha256(content.encode()).digest()
    if descriptor.seq < known.seq:
        raise DescriptorRefusedError(
            "rolled-back", f"its number {descriptor.seq} is lower than {known.seq}, which was heard before"
        )
    if descriptor.seq == known.seq and digest != known.content_sha256:
        raise DescriptorRefusedError("contradictory", f"another one with the number {known.seq} was heard before")
    return Heard(descriptor, digest, signers)


def _only_content(signed: Sequence[str]) -> str:
    if not signed:
        raise DescriptorRefusedError("unsigned", "it is not signed")
    if len(signed) > MAX_SIGNATURES or any(len(text) > MAX_SIGNED_BYTES for text in signed):
        raise DescriptorRefusedError("oversized", "it is too large")
    contents = {text.count(".") == 2 and text.split(".")[1] for text in signed}
    if len(contents) != 1:
        raise DescriptorRefusedError("contradictory", "its signatures are over different contents")
    content = contents.pop()
    if not content:
        raise DescriptorRefusedError("unsigned", "it is not signed")
    return content


def _parse(text: str) -> tuple[Descriptor, JsonObject]:
    try:
        _, claims = jwt.peek(text, max_bytes=MAX_SIGNED_BYTES)
        return from_document(claims), claims
    except InvalidTokenError as error:
        raise DescriptorRefusedError("unreadable", "it cannot be read") from error
    except msgspec.ValidationError as error:
        raise DescriptorRefusedError("unreadable", str(error).rstrip(".")) from None


def _verify_all(signed: Sequence[str], descriptor: Descriptor) -> frozenset[str]:
    """Return the thumbprints of the site's keys, each of which has signed: a key is named by who holds it only."""
    keys = own_keys(descriptor.keys.site)
    signers = set()
    for text in signed:
        try:
            header, _ = jwt.peek(text, max_bytes=MAX_SIGNED_BYTES)
            jwt.verify(text, keys, algorithms=[ALGORITHM], typ=TYPE, max_bytes=MAX_SIGNED_BYTES)
        except InvalidTokenError as error:
            raise DescriptorRefusedError("unsigned", "a signature is not good") from error
        signers.add(str(header["kid"]))
    if signers != set(keys):
        raise DescriptorRefusedError("unsigned", "a key that it names has not signed it")
    return frozenset(signers)


def own_keys(documents: Sequence[JsonObject]) -> Mapping[str, jwt.PublicKey]:
    """Return the usable keys of a site by name: those whose name is their thumbprint, so that nobody lends a name."""
    keys = jwt.read_keys(documents, algorithms=[ALGORITHM])
    return {kid: key for kid, key in keys.items() if key.thumbprint() == kid}


def _check_identity(descriptor: Descriptor, known: Known) -> None:
    if descriptor.id != known.id or descriptor.issuer != site_issuer(known.id):
        raise DescriptorRefusedError("other-site", f"it is of {descriptor.id!r} ({descriptor.issuer}), not of {known.id!r}")
    if descriptor.protocol != PROTOCOL:
        raise DescriptorRefusedError("other-protocol", f"it speaks protocol {descriptor.protocol}, this site {PROTOCOL}")
    if not descriptor.token_url.startswith(f"{descriptor.url}/"):
        raise DescriptorRefusedError("contradictory", "its token URL is not its own")


def _check_life(descriptor: Descriptor, claims: JsonObject, now: datetime) -> None:
    if descriptor.expires - descriptor.issued > LIFE.total_seconds():
        raise DescriptorRefusedError("expired", "it would live for more than a day")
    try:
        jwt.check_times(claims, now)
    except InvalidTokenError as error:
        raise DescriptorRefusedError("expired", "it has ended or not yet begun") from error
