"""Proof that a site's parts agree (``fsck``): checks are functions, and this runs them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from twinlake.engines.database import Connection, Database
from twinlake.events.audit import find_event_differences

Check = Callable[[], Awaitable[list[str]]]
"""Return what is wrong, in words; nothing if all is well."""
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found."""

    name: str
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return not self.problems

    @property
    def detail(self) -> str:
        """The first problems, and how many more there are."""
        if self.ok:
            return "no problem"
        more = len(self.problems) - _SHOWN
        return "; ".join(self.problems[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")


async def run_checks(checks: Mapping[str, Check]) -> list[Finding]:
    """Run all, in order, whatever each finds; a check that cannot be finished has found something."""
    return [Finding(name=name, problems=tuple(await _run(check))) for name, check in checks.items()]


async def _run(check: Check) -> list[str]:
    try:
        return await check()
    except Exception as error:  # noqa: BLE001 - a damaged database fails in any way; the other checks go on
        return [f"the check could not be finished: {type(error).__name__}: {error}"]


async def check_database(database: Database) -> list[str]:
    """Compare the pages, indexes and references of the database with each other."""
    return await database.read(_check_database)


async def check_events(database: Database) -> list[str]:
    """Look for gaps in the numbers of the event log."""
    return await database.read(find_event_differences)


def _check_database(tx: Connection) -> list[str]:
    problems = [str(text) for (text,) in tx.execute("pragma quick_check").fetchall() if text != "ok"]
    broken = tx.execute('select "table", count(*), parent from pragma_foreign_key_check group by 1, 3').fetchall()
    return problems + [f"{count} rows of {table} refer to nothing in {parent}" for table, count, parent in broken]
