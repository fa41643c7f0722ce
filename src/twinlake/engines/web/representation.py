"""A file as HTTP describes it, and the conditions that a request may put on it (RFC 9110, sections 8 and 13)."""

import base64
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import cached_property
from urllib.parse import quote

from starlette.datastructures import Headers

from twinlake.engines.web.ranges import parse_range

_MEDIA_TYPE = re.compile(
    r"[\w!#$&^.+-]+/[\w!#$&^.+-]+([ \t]*;[ \t]*[\w!#$&^.+-]+=([\w!#$&^.+:/-]+|\"[\w !#$&^.+:/;=,-]*\"))*", re.ASCII
)
_SHOWN = frozenset({
    "application/json", "application/geo+json", "application/pdf", "image/gif", "image/jpeg", "image/png",
    "image/webp", "text/plain",
})  # fmt: skip
"""Media types that a browser may show where it is; everything else, above all HTML and SVG, is saved."""
_CONDITIONS = frozenset({b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"})
# What a document of a stranger may do in our origin: nothing (and it looks right nevertheless).
CONTENT_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"


@dataclass(frozen=True, kw_only=True)
class Representation:
    """What is known of a file's bytes before any is sent. Keep one that is asked for again: its headers are made once."""

    size_bytes: int
    etag: str
    """Strong, with its quotes: equal only for equal bytes."""
    filename: str
    media_type: str | None = None
    sha256: str | None = None
    """Hex digest of all bytes; None where nobody vouches for it."""
    modified_at: datetime | None = None
    has_ranges: bool = True
    """Whether a part can be sent; not of bytes that are made while they are sent."""

    @cached_property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers of any answer with this representation, whole or in part, as ASGI has them, but for Accept-Ranges."""
        headers = {
            "ETag": self.etag,
            "Content-Type": self._media_type(),
            "Content-Disposition": self._disposition(),
            "Content-Security-Policy": CONTENT_POLICY,
        }
        if self.sha256 is not None:
            headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(self.sha256)).decode()}:"  # RFC 9530
        if self.modified_at is not None:
            headers["Last-Modified"] = format_datetime(self.modified_at.astimezone(UTC), usegmt=True)
        return raw_headers(headers)

    def find_status(self, request: Headers) -> int | None:
        """Return 304 or 412 where a condition of *request* (GET or HEAD) decides the answer, else None."""
        if _CONDITIONS.isdisjoint([name for name, _ in request.raw]):
            return None
        if (match := _list(request, "if-match")) is not None:
            if match != {"*"} and self.etag not in match:
                return 412
        elif (since := _instant(request.get("if-unmodified-since"))) and self._is_newer_than(since):
            return 412
        if (none_match := _list(request, "if-none-match")) is not None:
            weak = {tag.removeprefix("W/") for tag in none_match}
            return 304 if none_match == {"*"} or self.etag in weak else None
        since = _instant(request.get("if-modified-since"))
        if since is not None and self.modified_at is not None and not self._is_newer_than(since):
            return 304
        return None

    def find_range(self, request: Headers) -> tuple[int, int] | None:
        """Return the range to send (end exclusive), None for everything.

        A range on the condition of a date is answered whole: a second is too coarse to vouch for equal bytes.

        Raises
        ------
        RangeNotSatisfiable
            There is no byte in the range.
        """
        condition = request.get("if-range")
        if not self.has_ranges:
            return None
        if condition is not None and condition.strip() != self.etag:
            return None
        return parse_range(request.get("range"), self.size_bytes)

    def _is_newer_than(self, instant: datetime) -> bool:
        return self.modified_at is not None and self.modified_at.replace(microsecond=0) > instant

    def _media_type(self) -> str:
        if self.media_type is None or _MEDIA_TYPE.fullmatch(self.media_type) is None:
            return "application/octet-stream"
        return self.media_type

    def _disposition(self) -> str:
        essence = self._media_type().partition(";")[0].strip().lower()
        kind = "inline" if essence in _SHOWN else "attachment"
        name = "".join(
            "_" if unicodedata.category(letter).startswith("C") or letter in '/\\"' else letter for letter in self.filename
        )
        if name.isascii():
            return f'{kind}; filename="{name}"'
        plain = name.encode("ascii", "replace").decode().replace("?", "_")
        return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"  # RFC 6266, RFC 8187


def raw_headers(headers: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    """Return *headers* as ASGI has them."""
    return tuple((name.lower().encode(), value.encode("latin-1")) for name, value in headers.items())


def _list(request: Headers, name: str) -> set[str] | None:
    values = request.getlist(name)
    if not values:
        return None
    return {tag.strip() for value in values for tag in value.split(",")}


def _instant(value: str | None) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(value) if value else None
    except ValueError:
        return None
    return parsed.replace(tzinfo=UTC) if parsed and parsed.tzinfo is None else parsed
