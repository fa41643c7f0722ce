"""What the processes of a graph tell their user while they work: entries of a log, and how far they are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from twinlake.standards.openeo.graph import Node

LEVELS = ("error", "warning", "info", "debug")
"""From the gravest on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One entry."""

    level: str
    message: str
    code: str | None = None
    data: Any = None
    """JSON."""
    path: tuple[Mapping[str, str], ...] = ()
    """``node_id`` and ``process_id`` of the node that it is of and of those around it, outwards."""


class Listener(Protocol):
    """Whoever is told."""

    def note(self, told: Told) -> None:
        """Take an entry of the log."""
        ...

    def note_progress(self, done: int, total: int, unit: str) -> None:
        """Take how far the work is."""
        ...


class Notes:
    """A listener that keeps what it is told (`Listener`)."""

    def __init__(self) -> None:
        self.all: list[Told] = []

    def note(self, told: Told) -> None:
        """Keep an entry."""
        self.all.append(told)

    def note_progress(self, done: int, total: int, unit: str) -> None:
        """Take no notice."""


@dataclass(frozen=True, slots=True)
class Report:
    """Tells a listener, in the name of the node at which the work is."""

    listener: Listener | None
    path: tuple[Mapping[str, str], ...] = ()
    is_of_part: bool = False
    """Whether the work is on a part of a cube: what is told of a whole is not told again for each of its parts."""

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens."""
        return self.listener is not None

    def at(self, node: Node) -> "Report":
        """Return the report of a node within."""
        return replace(self, path=({"node_id": node.id, "process_id": node.process}, *self.path))

    def log(self, level: str, message: str, *, code: str | None = None, data: Any = None) -> None:
        """Write to the log."""
        if self.listener is not None:
            self.listener.note(Told(level=level, message=message, code=code, data=data, path=self.path))

    def progress(self, done: int, total: int, unit: str) -> None:
        """Say how far the work is."""
        if self.listener is not None:
            self.listener.note_progress(done, total, unit)


UNHEARD = Report(None)
"""For work of which nobody asks to hear."""
