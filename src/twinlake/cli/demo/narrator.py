"""Tells a story step by step: live figures on a terminal, plain lines elsewhere, a report for whoever checks it."""

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the story as the report has it."""

    name: str
    ok: bool
    seconds: float
    figures: Figures = field(default_factory=dict)


class StepFailedError(Exception):
    """A step did not come out as it must."""


class Narrator:
    """Prints what happens and keeps what came of it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.steps: list[Step] = []

    @contextmanager
    def step(self, name: str, opening: str) -> Generator[Figures]:
        """Tell one step; the block fills in its figures and may raise `StepFailedError`."""
        figures: Figures = {}
        began = time.monotonic()
        self._console.print(Text(f"\n{opening}", style="bold"))
        try:
            yield figures
        except Exception:
            self.steps.append(Step(name=name, ok=False, seconds=round(time.monotonic() - began, 3), figures=figures))
            self._console.print(Text(f"  failed: {name}", style="red"))
            raise
        self.steps.append(Step(name=name, ok=True, seconds=round(time.monotonic() - began, 3), figures=figures))

    def say(self, line: str) -> None:
        """Print a line of the step."""
        self._console.print(Text(f"  {line}"), soft_wrap=True)

    @contextmanager
    def busy(self, line: str) -> Generator[None]:
        """Show that something is going on, on a terminal."""
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(f"  {line}"):
            yield

    def write_report(self, path: Path) -> None:
        """Write the steps as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([asdict(step) for step in self.steps], indent=2) + "\n", encoding="utf-8")
