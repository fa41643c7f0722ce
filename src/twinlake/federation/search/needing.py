"""Which fields a peer must send, so that its items can be ordered and then cut down to what was asked for."""

from collections.abc import Iterable

from twinlake.federation.search.keys import KeyOrder
from twinlake.standards.stac.selecting import ITEM_DEFAULTS, Fields

_PROPERTIES = "properties."


def widen_fields(fields: Fields | None, order: KeyOrder) -> Fields | None:
    """Return *fields* with what the keys of *order* are computed from; None means all."""
    if fields is None or order.fields is None:
        return None
    if fields.include is None:
        return Fields(None, tuple(path for path in fields.exclude if not _hides(path, order.fields)))
    included = (*(fields.include or ITEM_DEFAULTS), *order.fields)
    return Fields(included, tuple(path for path in fields.exclude if path not in included))


def _hides(path: str, needed: Iterable[str]) -> bool:
    """Tell whether leaving out *path*, which may name a property without saying so, leaves out one of *needed*."""
    return any((each + ".").startswith((f"{path}.", f"{_PROPERTIES}{path}.")) for each in needed)
