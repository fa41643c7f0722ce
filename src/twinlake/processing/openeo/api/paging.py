"""Pages of lists.

Source: https://api.openeo.org/1.2.0/#section/API-Principles/Pagination
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.core.paging import TokenSeal
from twinlake.processing.openeo.api.bodies import owner_of

_MOST = 1000
"""On one page, also where no limit is asked for: more have a link to the next."""
_Listed = TypeVar("_Listed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of one list of the caller's."""

    limit: int
    after: str | None
    """Id of the last on the page before; None for the first page."""
    url: str
    seal: TokenSeal
    binding: bytes

    def cut(self, found: Sequence[_Listed], id_of: Callable[[_Listed], str]) -> tuple[Sequence[_Listed], list[JsonObject]]:
        """Return what is on the page, and the link to the next, of up to ``limit + 1`` that were *found*."""
        shown = found[: self.limit]
        if len(found) <= self.limit:
            return shown, []
        token = self.seal.seal(id_of(shown[-1]).encode(), self.binding)
        return shown, [{"rel": "next", "href": f"{self.url}?limit={self.limit}&token={token}"}]


def read_page(request: Request, url: str, seal: TokenSeal) -> Page:
    """Return which page of the list at *url* is asked for.

    Raises
    ------
    InvalidInputError
        The limit is none, or the token is not the caller's for this list.
    AuthenticationRequiredError
        Nobody in particular asks.
    """
    binding = f"openeo {url}|{owner_of(request)}".encode()
    token = request.query_params.get("token")
    after = None if token is None else seal.open(token, binding).decode()
    return Page(limit=read_limit(request, _MOST), after=after, url=url, seal=seal, binding=binding)


def read_limit(request: Request, most: int) -> int:
    """Return how many are asked for, *most* at most. Raises InvalidInputError."""
    text = request.query_params.get("limit") or str(most)
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) > 0):
        raise InvalidInputError(f"limit={text[:40]!r} is no number from 1.")
    return min(int(text), most)
