"""A drawing child for tests of its confinement: runs the statements in the file that it is to draw, answers what they print."""

import contextlib
import io
import json
from pathlib import Path

from twinlake.engines.sandbox.worker import serve


def _run(message: bytes) -> bytes:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(Path(json.loads(message)["path"]).read_text(encoding="utf-8"))  # noqa: S102  # what a hostile file may do
    return printed.getvalue().encode()


if __name__ == "__main__":
    serve(_run)
