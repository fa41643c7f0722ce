"""Values of cells as text, and as JSON."""

import json
import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
"""What XML 1.0 has no place for, nor texts of HDF5."""


def without_controls(text: str) -> str:
    """Return *text* as every format takes it."""
    return _CONTROL.sub("", text)


def to_texts(values: NDArray[Any], valid: NDArray[np.bool_] | None) -> list[str]:
    """Return *values* as texts from which they can be read again exactly; nothing for no data."""
    if values.dtype == object:
        texts = [_to_text(each) for each in values]
    elif values.dtype == bool:
        texts = np.where(values, "true", "false").tolist()
    else:
        texts = [_without_fraction(each) for each in values.astype(str).tolist()]
    return texts if valid is None else [text if is_there else "" for text, is_there in zip(texts, valid, strict=True)]


def to_members(values: NDArray[Any], valid: NDArray[np.bool_] | None) -> list[Any]:
    """Return *values* as JSON; None for no data, and for what JSON has no word for."""
    plain = values.tolist() if values.dtype == object else _shortest(values)
    found = [None if isinstance(each, float) and not math.isfinite(each) else each for each in plain]
    return found if valid is None else [each if is_there else None for each, is_there in zip(found, valid, strict=True)]


def _shortest(values: NDArray[Any]) -> list[Any]:
    """Return numbers as Python's, those of 32 bits with no more digits than they have."""
    if values.dtype.kind == "f" and values.dtype.itemsize < 8:
        return [float(each) for each in values.astype(str)]
    plain: list[Any] = values.tolist()
    return plain


def _to_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, int | float | np.number):
        return _without_fraction(str(value))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _without_fraction(text: str) -> str:
    """Write words of numbers as most programs read them."""
    return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(text, text)
