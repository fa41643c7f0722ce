"""Refusing names that nobody knows, with the nearest that somebody does."""

import difflib
from collections.abc import Collection

from twinlake.core.errors import InvalidInputError


def refuse_unknown(names: Collection[str], known: Collection[str], *, what: str) -> None:
    """Raise if one of *names* is not among *known*.

    Parameters
    ----------
    what
        What the names are, for the message: ``parameter``, ``member``, ``aggregation``.

    Raises
    ------
    InvalidInputError
        Names the unknown one and the nearest known one.
    """
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name[:80].lower(), sorted(known), n=1, cutoff=0.6)
            remedy = f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(sorted(known))}."
            raise InvalidInputError(f"The {what} {name[:80]!r} is not known here.", remedy=remedy)
