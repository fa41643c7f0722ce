"""Of which type the values of a cube are."""

from collections.abc import Iterable

import numpy as np


def value_type(dtype: str, scale: float, offset: float) -> np.dtype[np.generic]:
    """Return the type of stored values once scale and offset are applied: of up to 16 bits float32, else float64."""
    stored = np.dtype(dtype)
    if (scale, offset) == (1.0, 0.0):
        return np.dtype(np.float32) if stored == np.float16 else stored
    return np.dtype(np.float32 if stored.itemsize <= 2 or stored == np.float32 else np.float64)


def join_types(stored: Iterable[tuple[str, float, float]]) -> str:
    """Return the type that holds the values of all bands, which are stored with a type, scale and offset each."""
    return np.result_type(*{value_type(*each) for each in stored}).name
