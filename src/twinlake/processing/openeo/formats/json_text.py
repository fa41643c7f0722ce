"""Results as JSON: values as they are, cubes as openEO's clients send and take them."""

import json
from pathlib import Path
from typing import Any

from twinlake.processing.openeo.cubes import Cube, write_cube


def write_json(result: Any, path: Path) -> None:
    """Write *result*, a cube or plain JSON; NaN and infinity stand as the words that Python reads and writes.

    In cubes of numbers with a fraction NaN is no data, which is null.
    """
    document = write_cube(result) if isinstance(result, Cube) else result
    with path.open("w", encoding="utf-8") as file:
        json.dump(document, file, allow_nan=True, ensure_ascii=False, separators=(",", ":"))
