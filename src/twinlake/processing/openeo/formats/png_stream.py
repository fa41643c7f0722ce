"""PNG files of eight bits, written strip by strip.

Source: Portable Network Graphics (PNG) Specification, third edition
"""

import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NO_FILTER, _UP = 0, 2
_LEVEL = 6
Strip = NDArray[np.uint8]
"""Of shape (rows, columns, samples)."""


def write_png(
    path: Path,
    strips: Iterable[Strip],
    *,
    size: tuple[int, int],
    colours: int,
    texts: Mapping[str, str],
    palette: NDArray[np.uint8] | None = None,
) -> None:
    """Write a picture.

    Parameters
    ----------
    strips
        From above, of whatever number of rows.
    size
        Width and height in pixels.
    colours
        Type of colours, as the specification numbers them.
    palette
        Red, green, blue and opacity of each colour, of shape (colours, 4).
    """
    with path.open("wb") as file:

        def put(kind: bytes, content: bytes) -> None:
            file.write(struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content)))

        file.write(_SIGNATURE)
        put(b"IHDR", struct.pack(">IIBBBBB", *size, 8, colours, 0, 0, 0))
        for keyword, text in texts.items():
            put(b"iTXt", keyword.encode("latin-1") + b"\0\1\0\0\0" + zlib.compress(text.encode()))
        if palette is not None:
            put(b"PLTE", palette[:, :3].tobytes())
            put(b"tRNS", palette[:, 3].tobytes())
        packer = zlib.compressobj(_LEVEL)
        above = None
        for strip in strips:
            rows = np.ascontiguousarray(strip).reshape(len(strip), -1)
            packed = packer.compress(_filter(rows, above, is_plain=palette is not None).tobytes())
            above = rows[-1:]
            if packed:
                put(b"IDAT", packed)
        put(b"IDAT", packer.flush())
        put(b"IEND", b"")


def _filter(rows: NDArray[np.uint8], above: NDArray[np.uint8] | None, *, is_plain: bool) -> NDArray[np.uint8]:
    """Return rows as what they differ from those above them by, each behind the number of its filter."""
    filtered: NDArray[Any] = np.empty((len(rows), rows.shape[1] + 1), dtype=np.uint8)
    filtered[:, 0] = _NO_FILTER if is_plain else _UP
    filtered[:, 1:] = rows
    if not is_plain:
        filtered[1:, 1:] -= rows[:-1]
        if above is not None:
            filtered[:1, 1:] -= above
    return filtered
