"""Page tokens of searches: the key of the last item, sealed for one query and one caller."""

from typing import Any

import orjson

from twinlake.core.errors import InvalidInputError
from twinlake.core.paging import TokenSeal

_LONGEST = 8192
"""Characters; sort values are short, and what is longer was not made here."""

Key = tuple[Any, ...]


class PageTokens:
    """Writes and reads the tokens of one kind of listing."""

    def __init__(self, *, seal: TokenSeal, kind: str) -> None:
        self._seal = seal
        self._kind = kind.encode()

    def write(self, after: Key, binding: bytes) -> str:
        """Return the token of the page behind the item with the key *after*."""
        return self._seal.seal(orjson.dumps(after), self._kind + b"\0" + binding)

    def read(self, token: str | None, binding: bytes) -> Key | None:
        """Return the key to go on with; None without a token.

        Raises
        ------
        InvalidInputError
            The token was made for another query or caller, or not by this site.
        """
        if token is None:
            return None
        if len(token) > _LONGEST:
            raise InvalidInputError("The page token is too long to be one of this site.")
        return tuple(orjson.loads(self._seal.open(token, self._kind + b"\0" + binding)))
