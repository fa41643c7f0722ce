"""Where the bytes of a peer's items are got: at the peer, or, where not everybody may have them, at the site that was asked.

A client hands its token to the site that it is signed in to, and to no other. Everything here works on finished documents
as the bytes that they are: the name of the collection stands in the address.
"""

import re
from collections.abc import Collection, Iterable
from urllib.parse import unquote

from twinlake.holdings.catalogue.documents import segment


def data_root(public_url: str, site_id: str) -> str:
    """Return how the addresses begin at which the site at *public_url* delivers what *site_id* holds."""
    return f"{public_url}/data/{segment(site_id)}/"


class DataHrefs:
    """The addresses in documents that begin with *root* and go on with a collection."""

    def __init__(self, root: str) -> None:
        self._pattern = re.compile(b'"' + re.escape(root.encode()) + rb'([^/"\\]+)/')

    def find_collections(self, bodies: Iterable[bytes], among: Collection[str]) -> list[str]:
        """Return which of *among* are collections of addresses in *bodies*, in order."""
        segments = {name for body in bodies for name in self._pattern.findall(body)}
        return sorted({unquote(name) for name in segments}.intersection(among))

    def move(self, bodies: Iterable[bytes], collections: Iterable[str], to: str) -> list[bytes]:
        """Return *bodies* in which the addresses of *collections* begin with *to*."""
        start, segments = b'"' + to.encode(), {segment(name).encode() for name in collections}

        def moved(found: re.Match[bytes]) -> bytes:
            return start + found[1] + b"/" if found[1] in segments else found[0]

        return [self._pattern.sub(moved, body) for body in bodies]
