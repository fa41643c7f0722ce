"""File names that come from elsewhere, made safe to write to."""

import re
import unicodedata
from pathlib import Path
from urllib.parse import unquote, urlsplit

_EXTENDED = re.compile(r"filename\*\s*=\s*utf-8''([^;\s]+)", re.IGNORECASE)
_QUOTED = re.compile(r'filename\s*=\s*"((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_PLAIN = re.compile(r"filename\s*=\s*([^;\s\"]+)", re.IGNORECASE)
_LONGEST_BYTES = 200
"""Leaves room below the usual 255 for what downloads add."""


def name_of(disposition: str | None, url: str) -> str:
    """Return the name of a file by its ``Content-Disposition`` (RFC 6266), or by its URL; not yet safe."""
    text = disposition or ""
    if match := _EXTENDED.search(text):
        return unquote(match[1])
    if match := _QUOTED.search(text):
        return re.sub(r"\\(.)", r"\1", match[1])
    if match := _PLAIN.search(text):
        return match[1]
    return unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])


def safe_name(name: str) -> str:
    """Make one component of a path: no folders, no control characters, no leading dot or dash, not too long."""
    kept = "".join(letter for letter in re.split(r"[/\\]", name)[-1] if unicodedata.category(letter)[0] != "C")
    kept = re.sub(r"^[.\-\s]+", "_", re.sub(r'[<>:"|?*]', "_", kept)).rstrip(". ")
    stem, dot, suffix = kept.rpartition(".")
    while len(kept.encode()) > _LONGEST_BYTES:
        stem, suffix = (stem[:-1], suffix) if len(stem) > 1 else ("", suffix[:-1])
        kept = f"{stem}{dot}{suffix}"
    return kept or "_"


def inside(directory: Path, *names: str) -> Path:
    """Return the path below *directory* that *names* lead to, each made safe."""
    return directory.joinpath(*(safe_name(name) for name in names))
