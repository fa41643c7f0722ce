"""Why a search found nothing: a collection that is not there, a property that no item has."""

from collections.abc import Iterator
from difflib import get_close_matches
from urllib.parse import quote

from twinlake.cli.client import SiteClient, SiteRefusedError
from twinlake.cli.searching import SearchOptions

_API = "/stac/v2"
_NOT_FOUND = 404


def explain_nothing(site: SiteClient, options: SearchOptions) -> Iterator[str]:
    """Yield sentences on a search without a match: that it is so, then what in *options* the site does not know.

    Raises
    ------
    SiteRefusedError, SiteUnreachableError
        The site does not answer, or not as a STAC API.
    """
    yield "Nothing found."
    known: set[str] = set()
    for collection in options.collections or ():
        queryables = _queryables(site, f"{_API}/collections/{quote(collection, safe='')}/queryables")
        if queryables is None:
            yield f"There is no collection {collection!r}."
        else:
            known |= queryables
    if options.filter:
        if not options.collections:
            known = _queryables(site, f"{_API}/queryables") or set()
        if known:
            yield from _explain_filter(options.filter, known)


def _explain_filter(text: str, known: set[str]) -> Iterator[str]:
    # Here, because commands start faster without it.
    from twinlake.standards.cql2 import parse_text, properties_of

    for name in sorted(properties_of(parse_text(text)) - known):
        near = get_close_matches(name, sorted(known), n=3, cutoff=0.5)
        yield f"No item has a property {name!r}; {'near it are' if near else 'there are'}: {', '.join(near or sorted(known))}."


def _queryables(site: SiteClient, path: str) -> set[str] | None:
    """Return the names that can be filtered by; None where there is no such collection."""
    try:
        return set(site.json("GET", path)["properties"])
    except SiteRefusedError as error:
        if error.answered == _NOT_FOUND:
            return None
        raise
