"""The words of CQL2 text."""

import re
from typing import NamedTuple

from twinlake.standards.cql2.errors import InvalidFilterError

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<string>'(?:[^'\\]|''|\\'|\\)*')
    | (?P<quoted>"(?:[^"]|"")+")
    | (?P<word>[^\W\d][\w.:]*|:[\w.:]+)
    | (?P<sign><>|!=|<=|>=|[-+*/%^=<>(),])
    )""",
    re.VERBOSE,
)
_NAMING = ("word", "sign")
_MOST_DIGITS = 400
_ESCAPED_QUOTE = re.compile(r"''|\\'")


class Token(NamedTuple):
    """A word of the text and where it stands."""

    kind: str
    text: str
    """As written."""
    position: int
    word: str = ""
    """Of a word or sign: its lower case, by which operators are known."""


def tokenize(text: str) -> list[Token]:
    """Cut *text* into tokens of kind number, string, quoted, word and sign, and one of kind end.

    Raises
    ------
    InvalidFilterError
        A quote is not closed, or a character belongs to no token.
    """
    tokens, position, end = [], 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            start = position + len(text[position:]) - len(text[position:].lstrip())
            reason = "a quote that is not closed" if text[start] in "'\"" else f"an unexpected {text[start]!r}"
            raise InvalidFilterError(f"The filter is not CQL2 text: {reason} at character {start + 1}.")
        kind = match.lastgroup or ""
        found = match[kind]
        tokens.append(Token(kind, found, match.start(kind), found.lower() if kind in _NAMING else ""))
        position = match.end()
    tokens.append(Token("end", "", end))
    return tokens


def read_number(text: str) -> int | float:
    """Return the value of a number token: whole numbers stay whole, however large."""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else float(text)


def read_string(text: str) -> str:
    """Return the text of a string token."""
    return _ESCAPED_QUOTE.sub("'", text[1:-1])
