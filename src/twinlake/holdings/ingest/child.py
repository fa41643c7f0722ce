"""The child of an ingest run: look at the files, plan, read each item, and have the site put it.

Each step is a checkpoint with the rows of the report that it made, so that a run which is taken up again reports
what was done before. A step that ended its child twice is given up with the reason; the rest goes on.
"""

import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError
from twinlake.holdings.ingest.putting import Putter
from twinlake.holdings.ingest.report import Row, refused, refused_by, rows_of, write_counts, write_report, write_rows
from twinlake.holdings.ingest.spec import read_spec
from twinlake.holdings.recipes import Refusal, parse_recipe, plan
from twinlake.holdings.recipes.plans import CollectionPlan, DocumentPlan, DocumentsPlan, ItemPlan, Plan, SourceFile
from twinlake.holdings.recipes.survey import survey
from twinlake.jobs.context import JobContext
from twinlake.jobs.errors import LeaseLostError
from twinlake.jobs.gateway import GatewayRefusedError
from twinlake.jobs.models import STALLED, Failure

_TRIES = 2
_BYTES_PER_SECOND = 20e6
"""The slowest disk on which a reader does not count as hanging."""
_FILES_PER_SECOND = 100.0
_NOT_OF_THE_FILE = frozenset({503, 507})
"""Answers of a site that is too busy or full: they end the run, not the file."""


def ingest(context: JobContext) -> JsonObject:
    """Take in the files of the run's specification; return the report."""
    return _IngestRun(context).take_in()


class _IngestRun:
    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._spec = read_spec(context.spec)
        self._recipe = parse_recipe(self._spec.recipe)
        self._rows: list[JsonObject] = []
        self._made: dict[str, str] = {}
        """Files that items were made of in this run, by item id."""
        self._done, self._total = 0, 0
        """Items and files of many."""

    def take_in(self) -> JsonObject:
        files, linked = self._lay_out()
        plans = plan(self._survey(files), self._recipe)
        described_by = next((each.file.name for each in plans if isinstance(each, CollectionPlan)), None)
        putter = Putter(
            self._context,
            self._spec,
            self._recipe,
            linked=linked,
            made=self._made,
            described_by=described_by,
            tell=self._tell,
        )
        self._total = len(plans)
        for each in plans:
            name, sources, work = _task(each, putter)
            self._tell(sources[0].name)
            self._step(name, sources, work)
            self._done += 1
        report = write_report(self._spec.collection, self._rows, is_dry_run=self._spec.dry_run)
        self._tell(write_counts(report))
        return report

    def _tell(self, message: str) -> None:
        self._context.progress(self._done, self._total, "items", message)

    def _lay_out(self) -> tuple[dict[str, Path], frozenset[str]]:
        """Return where the files are, and the names of those that are linked; report what cannot be had."""
        found: dict[str, Path] = {}
        linked = set()
        for file in self._context.gateway.post("ingest/inputs", {})["files"]:
            if file["refusal"] is not None:
                self._rows.extend(write_rows([Row.refuse(file["name"], **file["refusal"])]))
                continue
            found[file["name"]] = Path(file["path"])
            if file["is_linked"]:
                linked.add(file["name"])
        return found, frozenset(linked)

    def _survey(self, files: dict[str, Path]) -> list[SourceFile]:
        """Look at the files: all at once, or first one by one where that has ended a child before."""
        step = self._context.begin("survey", patience_seconds=len(files) / _FILES_PER_SECOND)
        if step.tries > 1:
            files = {name: path for name, path in files.items() if self._can_be_looked_at(name, path)}
        found = survey(files)
        self._context.finish("survey", {"files": len(files)})
        return found

    def _can_be_looked_at(self, name: str, path: Path) -> bool:
        def look() -> None:
            survey({name: path})

        return not self._step(f"look:{name}", [SourceFile(name=name, path=path)], look)

    def _step(self, name: str, files: Sequence[SourceFile], work: Callable[[], Row | None]) -> list[JsonObject]:
        """Do *work* on *files* once in the life of the run; return the rows that it made, now or in an earlier attempt."""
        patience = sum(file.size_bytes for file in files) / _BYTES_PER_SECOND
        step = self._context.begin(name, patience_seconds=patience)
        if step.result is not None:
            rows: list[JsonObject] = step.result["rows"]
        else:
            leading = files[0].name
            row = _give_up(leading, step.failure) if step.tries > _TRIES else _try(leading, work)
            rows = write_rows([] if row is None else rows_of(files, row))
            self._context.finish(name, {"rows": rows})
        self._rows.extend(rows)
        self._made.update({row["item"]: row["file"] for row in rows if "item" in row and row["outcome"] != "part-of"})
        return rows


def _task(each: Plan, putter: Putter) -> tuple[str, Sequence[SourceFile], Callable[[], Row]]:
    """Return the name of the step that a plan is, the files it takes, the leading one first, and the work."""
    match each:
        case Refusal(name=name):
            return f"refused:{name}", [SourceFile(name=name, path=Path())], lambda: refused(each)
        case CollectionPlan(file=file):
            return f"collection:{file.name}", [file], lambda: putter.put_collection(each)
        case DocumentsPlan(file=file):
            return f"items:{file.name}", [file], lambda: putter.put_many(each)
        case DocumentPlan(file=file, assets=assets):
            return f"item:{file.name}", [file, *assets.values()], lambda: putter.put_item(each)
        case ItemPlan(assets=planned):
            ordered = [asset.file for asset in sorted(planned, key=lambda asset: asset.is_sidecar)]
            return f"item:{ordered[0].name}", ordered, lambda: putter.put_item(each)


def _try(file: str, work: Callable[[], Row | None]) -> Row | None:
    """Do the work; whatever is wrong with the file is a row of the report."""
    try:
        return work()
    except GatewayRefusedError as error:
        if error.refusal == LeaseLostError.code or error.refusal_status in _NOT_OF_THE_FILE:
            raise
        return Row.refuse(file, error.refusal, error.message, error.remedy)
    except TwinlakeError as error:
        return refused_by(file, error)
    except MemoryError:
        remedy = "Split the file, or ask the operator to raise jobs.memory_bytes."
        return Row.refuse(file, "memory-exceeded", "Reading it takes more memory than a reader may have.", remedy)
    except Exception as error:  # noqa: BLE001  # reported: one bad file never stops the rest
        traceback.print_exc(file=sys.stderr)
        reason = f"The reader failed on it ({type(error).__name__})."
        return Row.refuse(file, "reader-failed", reason, "Check the file; the operator finds more in the job's log.")


def _give_up(file: str, failure: Failure | None) -> Row:
    how = "" if failure is None else f": {failure.message}"
    remedy = "Check the file with the program that wrote it; it may be damaged, or made to do this."
    if failure is not None and failure.code == STALLED:
        remedy += " If it is only slow to read, ask the operator to raise jobs.stall_seconds."
    return Row.refuse(file, "reader-ended", f"Reading it ended the reader {_TRIES} times{how}", remedy)
