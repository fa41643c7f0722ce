"""A clock that stands still until it is told otherwise."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, tzinfo=UTC)


class HandClock:
    """Begins at `START`; `later` is how far it has been moved."""

    def __init__(self) -> None:
        self.later = timedelta()

    def now(self) -> datetime:
        return START + self.later

    def monotonic(self) -> float:
        return self.later.total_seconds()

    def advance(self, **step: float) -> None:
        """Move on by ``timedelta(**step)``."""
        self.later += timedelta(**step)
