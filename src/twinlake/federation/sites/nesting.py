"""How deep JSON is nested, found before it is parsed and without a loop over its bytes."""

import re

_OTHER = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def is_nested_deeper(text: bytes, limit: int) -> bool:
    """Tell whether arrays and objects in *text* stand in each other more than *limit* deep, or do not close."""
    # Brackets in strings are rarely unbalanced: the strings are taken out only where it matters.
    return _is_deeper(text, limit) and _is_deeper(_STRING.sub(b"", text), limit)


def _is_deeper(text: bytes, limit: int) -> bool:
    brackets = text.translate(None, _OTHER)
    for _ in range(limit):
        if not brackets:
            return False
        # One level less: a pair with nothing in it is a marker first, so that its outer pair is left for the next round.
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return bool(brackets)
