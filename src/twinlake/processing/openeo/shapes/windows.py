"""Windows: places along one dimension that follow each other, as slices in steps of 1."""

from dataclasses import dataclass


def widen(places: slice, reach: int) -> slice:
    """Return the places and *reach* more on both sides, which may lie beyond the borders."""
    return slice(places.start - reach, places.stop + reach)


def shift(places: slice, offset: int) -> slice:
    """Return the places *offset* further on."""
    return slice(places.start + offset, places.stop + offset)


def clip(places: slice, count: int) -> slice:
    """Return those of the places that are among *count*; there may be none."""
    start = min(max(places.start, 0), count)
    return slice(start, max(min(places.stop, count), start))


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """Blocks of equal size, one beside the other along a dimension; the first and the last may lie beyond its borders."""

    start: int
    """Where the first one begins; below 0 beyond the border."""
    size: int
    count: int

    def span(self, numbers: slice) -> slice:
        """Return the places of some blocks."""
        if numbers.start >= numbers.stop:
            return slice(0, 0)
        return slice(self.start + numbers.start * self.size, self.start + numbers.stop * self.size)

    def around(self, places: slice) -> slice:
        """Return the numbers of the blocks that have *places* in them."""
        if places.start >= places.stop:
            return slice(0, 0)
        return slice((places.start - self.start) // self.size, -((self.start - places.stop) // self.size))


def lay_blocks(count: int, size: int, *, from_end: bool = False, cuts: bool = False) -> Blocks:
    """Return the blocks of *size* that *count* places have.

    Parameters
    ----------
    from_end
        Whether they begin at the last place, so that the first block is the one that is not full.
    cuts
        Whether a block that would not be full is left out.
    """
    number = count // size if cuts else -(-count // size)
    return Blocks(start=count - number * size if from_end else 0, size=size, count=number)
