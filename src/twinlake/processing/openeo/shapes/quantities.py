"""What the numbers of a band are of: its quantity, in the words of CF.

Source: CF Conventions 1.11, sections 3.1 (units), 3.3 (standard names), 7.3 and appendix E (cell methods)
"""

from functools import reduce
from typing import Literal, Self

import msgspec

Extent = Literal["time", "area"]
"""What cells are made one over, as cell methods call it: a standard name, or the word for all that is horizontal."""


class Quantity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of one quantity; None where it is not known."""

    unit: str | None = None
    """As the source writes it: of UDUNITS where that keeps CF."""
    standard_name: str | None = None
    long_name: str | None = None
    cell_methods: tuple[tuple[Extent, str], ...] = ()
    """What was made of the cells on the way, the first first: over what, and the method of appendix E."""

    def made_over(self, extent: Extent, methods: tuple[str, ...]) -> Self:
        """Return what it is after further methods."""
        return msgspec.structs.replace(self, cell_methods=(*self.cell_methods, *[(extent, each) for each in methods]))


def of_unit(quantity: Quantity) -> Quantity | None:
    """Return what is left where just the unit is as before: of a difference, or a sum of two quantities."""
    return None if quantity.unit is None else Quantity(unit=quantity.unit)


def made_of(quantity: Quantity | None, named: str, label: str | None) -> Quantity | None:
    """Return what has the unit of another quantity, and a long name made of that one's, or else of its *label*."""
    known = Quantity() if quantity is None else quantity
    name = known.long_name or (known.standard_name or "").replace("_", " ") or label
    found = Quantity(unit=known.unit, long_name=named.format(name) if name else None)
    return None if found == Quantity() else found


def find_common(quantities: "list[Quantity | None]") -> Quantity | None:
    """Return what several, of which there is one at least, have in common; None where that is nothing."""
    return reduce(_common, quantities)


def _common(first: Quantity | None, second: Quantity | None) -> Quantity | None:
    if first is None or second is None or first == second:
        return first if first == second else None
    found = Quantity(
        unit=first.unit if first.unit == second.unit else None,
        standard_name=first.standard_name if first.standard_name == second.standard_name else None,
        long_name=first.long_name if first.long_name == second.long_name else None,
        cell_methods=first.cell_methods if first.cell_methods == second.cell_methods else (),
    )
    return None if found == Quantity() else found
