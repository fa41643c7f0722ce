"""The report of an ingest run: one row for each file that was sent."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError
from twinlake.holdings.recipes import Refusal, SourceFile

Outcome = Literal["created", "updated", "unchanged", "planned", "part-of", "ignored", "refused"]
"""What became of a file. ``planned`` is a dry run's; a file of an item that is reported with another file is ``part-of`` it."""


class Row(msgspec.Struct, omit_defaults=True, frozen=True):
    """What became of one file."""

    file: str
    outcome: Outcome
    item: str | None = None
    reason: str | None = None
    remedy: str | None = None
    code: str | None = None
    """Of the refusal."""
    items: dict[str, int] | None = None
    """For a file of many items: how many of each outcome."""

    @classmethod
    def refuse(cls, file: str, code: str, reason: str, remedy: str | None) -> "Row":
        """Write a refusal."""
        return cls(file=file, outcome="refused", code=code, reason=reason, remedy=remedy)


def refused_by(file: str, error: TwinlakeError) -> Row:
    """Write down an anticipated failure."""
    return Row.refuse(file, error.code, error.message, error.remedy)


def refused(refusal: Refusal) -> Row:
    """Write down what a plan refuses; what the recipe leaves out on purpose is no refusal."""
    if refusal.code == "ignored":
        return Row(file=refusal.name, outcome="ignored", reason=refusal.reason, remedy=refusal.remedy, code=refusal.code)
    return Row.refuse(refusal.name, refusal.code, refusal.reason, refusal.remedy)


def rows_of(files: Sequence[SourceFile], leading: Row) -> list[Row]:
    """Return the rows of all *files* of a step, given that of the first: the others are part of its item or refusal."""
    rows = [leading]
    for file in files:
        if file is not files[0]:
            rows.append(_part(file.name, leading))
        rows.extend(_part(member, leading) for member in file.members)
    return rows


def _part(file: str, leading: Row) -> Row:
    what = "which was refused" if leading.outcome == "refused" else f"as part of item {leading.item!r}"
    return Row(file=file, outcome="part-of", item=leading.item, reason=f"It goes with {leading.file}, {what}.")


def write_rows(rows: Iterable[Row]) -> list[JsonObject]:
    """Write rows as JSON."""
    written: list[JsonObject] = msgspec.to_builtins(list(rows))
    return written


def write_counts(report: JsonObject) -> str:
    """Write how many a report has of each outcome."""
    return ", ".join(f"{number} {outcome}" for outcome, number in sorted(report["counts"].items()))


def write_report(collection: str, rows: list[JsonObject], *, is_dry_run: bool) -> JsonObject:
    """Write the result of a run; it counts files, and the items of a file of many instead of it."""
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(row.get("items") or {row["outcome"]: 1})
    return {"collection": collection, "dry_run": is_dry_run, "files": rows, "counts": dict(counts)}
