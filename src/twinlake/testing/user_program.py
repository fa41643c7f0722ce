"""A program for tests of sandboxes: runs the statements that it is sent, and answers what these leave as ``answer``."""

from typing import Any

from twinlake.engines.sandbox.frames import Frame

FILE = "user.py"


def answer(frame: Frame) -> tuple[Any, tuple[Any, ...]]:
    """Run what a test wants to have tried in a sandbox."""
    scope: dict[str, Any] = {"answer": None, "arrays": frame.arrays}
    exec(compile(frame.document, FILE, "exec"), scope)  # noqa: S102
    return scope["answer"], tuple(scope["arrays"])
