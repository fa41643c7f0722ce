"""How deep JSON is nested, found before it is parsed and without a loop over its bytes."""

import re

_OTHER = bytes(byte for byte in range(256) if byte not in b"[]{}")
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def is_nested_deeper(text: bytes, limit: int) -> bool:
    """Tell whether arrays and objects in *text* stand in each other more than *limit* deep, or do not close."""
    # Brackets in strings are rarely unbalanced: the strings are taken out only where it matters.
    return _is_deeper(text, limit) and _is_deeper(_STRING.sub(b"", text), limit)


def _is_deeper(text: bytes, limit: int) -> bool:
    brackets = text.translate(_ONE_KIND, _OTHER)
    for _ in range(limit):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)
