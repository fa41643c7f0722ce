"""Attributes of files as values that fit JSON: any bytes are survived, NaN and infinity become None."""

import math
from typing import Any

import numpy as np

from twinlake.holdings.readers.limits import MAX_ATTRIBUTE_CHARACTERS, MAX_DEFINITION_CHARACTERS


def clean_text(value: str | bytes, *, most: int = MAX_ATTRIBUTE_CHARACTERS) -> str:
    """Return *value* as valid Unicode without NUL, cut at *most* characters.

    Bytes that are no UTF-8 are read as Latin-1, which older NetCDF writers used for units such as ``µm``.
    """
    raw = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return text.replace("\x00", "").strip()[:most]


def clean_value(value: Any) -> Any:
    """Return an attribute's *value* as JSON: text, number, boolean, None, or a list of these."""
    if isinstance(value, bytes | str):
        return clean_text(value, most=MAX_DEFINITION_CHARACTERS)
    if isinstance(value, np.ndarray):
        flat = value.ravel()[:MAX_ATTRIBUTE_CHARACTERS].tolist()
        cleaned = [clean_value(element) for element in flat]
        return cleaned[0] if len(cleaned) == 1 else cleaned
    if isinstance(value, np.generic):
        return clean_value(value.item())
    if isinstance(value, list | tuple):
        return [clean_value(element) for element in value[:MAX_ATTRIBUTE_CHARACTERS]]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return clean_text(str(value))


def text_of(attributes: dict[str, Any], *names: str) -> str | None:
    """Return the first of *names* that holds text with something in it, cut at `MAX_ATTRIBUTE_CHARACTERS`."""
    found = definition_of(attributes, *names)
    return None if found is None else found[:MAX_ATTRIBUTE_CHARACTERS]


def definition_of(attributes: dict[str, Any], *names: str) -> str | None:
    """Return the first of *names* that holds text with something in it, as a whole."""
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return None


def number_of(attributes: dict[str, Any], name: str) -> float | None:
    """Return *name* as a finite number; texts that are numbers count."""
    value = attributes.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
