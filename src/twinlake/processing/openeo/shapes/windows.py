"""Windows: places along one dimension that follow each other, as slices in steps of 1."""


def widen(places: slice, reach: int) -> slice:
    """Return the places and *reach* more on both sides, which may lie beyond the borders."""
    return slice(places.start - reach, places.stop + reach)


def shift(places: slice, offset: int) -> slice:
    """Return the places *offset* further on."""
    return slice(places.start + offset, places.stop + offset)
