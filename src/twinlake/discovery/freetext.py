"""Free text over collections: the parameter ``q``.

Commas mean *or*, words side by side mean the phrase (STAC API free-text search, basic; OGC 20-004r1, clause 8.4).
Beyond that ``AND``, ``OR``, ``NOT``, quotes, parentheses, ``+`` and ``-`` are understood, as clients of the Data Lake
write them. Case, accents and the width of blanks do not matter; a term is found where a word begins with it.
"""

import re
import unicodedata
from collections.abc import Callable

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError

Matcher = Callable[[str], bool]
"""Tells whether a folded text (`fold`) matches."""

_LONGEST = 4096
_DEEPEST = 32
_TOKEN = re.compile(r'"(?P<quoted>[^"]*)"|(?P<mark>[(),])|(?P<sign>[+-])(?=["(\w])|(?P<word>[^\s(),"]+)')


def fold(text: str) -> str:
    """Return *text* as it is compared: without case, accents and wide blanks."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return " ".join(plain.casefold().split())


def text_of(collection: JsonObject) -> str:
    """Return the folded text of a collection in which terms are looked for."""
    words = [collection.get(name) for name in ("id", "title", "description", "dedl:short_description")]
    words += collection.get("keywords") or []
    words += [provider.get("name") for provider in collection.get("providers") or []]
    # A mark that no folded term can contain keeps phrases from running over the end of a field.
    return "\n".join(fold(word) for word in words if isinstance(word, str))


def parse_free_text(text: str) -> Matcher | None:
    """Return the matcher of a query; None where it asks for nothing.

    Raises
    ------
    InvalidInputError
        It is too long, or its parentheses or operators do not fit.
    """
    if len(text) > _LONGEST:
        raise InvalidInputError(f"'q' has more than {_LONGEST} characters.")
    tokens = [(match.lastgroup or "", match[match.lastgroup or 0]) for match in _TOKEN.finditer(text)]
    if not tokens:
        return None
    parser = _Parser(tokens)
    matcher = parser.any_of(0)
    if parser.peek() is not None:
        raise _misshapen(text)
    return matcher


def _misshapen(text: str) -> InvalidInputError:
    return InvalidInputError(
        f"'q' cannot be read: {text[:80]!r}.",
        remedy='Close parentheses, give AND, OR and NOT their terms, and quote text with such signs: "(DT) - Historical".',
    )


class _Parser:
    """Reads tokens by recursive descent: commas and OR bind least, then AND, then signs."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    def peek(self) -> tuple[str, str] | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def any_of(self, depth: int) -> Matcher:
        matchers = [self._all_of(depth)]
        while self.peek() in {("mark", ","), ("word", "OR")}:
            self._at += 1
            if self.peek() is not None:  # a comma at the end says nothing
                matchers.append(self._all_of(depth))
        return matchers[0] if len(matchers) == 1 else lambda text: any(matches(text) for matches in matchers)

    def _all_of(self, depth: int) -> Matcher:
        matchers = [self._one(depth)]
        while (token := self.peek()) not in {None, ("mark", ","), ("mark", ")"), ("word", "OR")}:
            if token == ("word", "AND"):
                self._at += 1
            matchers.append(self._one(depth))
        return matchers[0] if len(matchers) == 1 else lambda text: all(matches(text) for matches in matchers)

    def _one(self, depth: int) -> Matcher:
        token = self.peek()
        if token is None or depth > _DEEPEST or token in {("word", "AND"), ("word", "OR"), ("mark", ","), ("mark", ")")}:
            raise _misshapen(" ".join(word for _, word in self._tokens))
        self._at += 1
        kind, word = token
        if token == ("word", "NOT") or (kind == "sign" and word == "-"):
            unwanted = self._one(depth + 1)
            return lambda text: not unwanted(text)
        if kind == "sign":
            return self._one(depth + 1)
        if kind == "mark":
            return self._group(depth + 1)
        return _phrase(word) if kind == "quoted" else self._words(word)

    def _group(self, depth: int) -> Matcher:
        matcher = self.any_of(depth)
        if self.peek() != ("mark", ")"):
            raise _misshapen(" ".join(word for _, word in self._tokens))
        self._at += 1
        return matcher

    def _words(self, first: str) -> Matcher:
        words = [first]
        while (token := self.peek()) is not None and token[0] == "word" and token[1] not in {"AND", "OR", "NOT"}:
            words.append(token[1])
            self._at += 1
        return _phrase(" ".join(words))


def _phrase(words: str) -> Matcher:
    pattern = re.compile(rf"(?<!\w){re.escape(fold(words))}")
    return lambda text: pattern.search(text) is not None
