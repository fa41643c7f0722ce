"""Names: what an id may look like, and new ids that sort by their time."""

import re

from twinlake.core.clock import Clock, to_microseconds
from twinlake.core.errors import InvalidInputError
from twinlake.core.randomness import Randomness

_MAX_LENGTH = 255
_FORBIDDEN = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def check_id(value: object, what: str) -> str:
    r"""Return *value* if it may name a collection, item or asset.

    An id has 1-255 characters, none of them ``/``, ``\``, a control character or a lone surrogate,
    and does not begin with a dot.

    Raises
    ------
    InvalidInputError
        The id breaks the rule; the message names *what* it was to be.
    """
    if not isinstance(value, str):
        reason = "is not a string"
    elif not value:
        reason = "is empty"
    elif len(value) > _MAX_LENGTH:
        reason = f"has more than {_MAX_LENGTH} characters"
    elif value.startswith("."):
        reason = "begins with a dot"
    elif _FORBIDDEN.search(value):
        reason = "contains a slash, a backslash or a control character"
    else:
        return value
    raise InvalidInputError(f"The {what} id {str(value)[:80]!r} {reason}.", remedy="Rename it and try again.")


def new_id(clock: Clock, randomness: Randomness) -> str:
    """Make an id whose text order is its time order: 12 hex digits of milliseconds, 16 of chance."""
    return f"{to_microseconds(clock.now()) // 1000:012x}{randomness(8).hex()}"
