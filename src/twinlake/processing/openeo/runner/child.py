"""The child of a batch job: has the graph computed, tells how it goes, and has the site keep what came of it."""

import os
import shutil
import sys
import time
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

import httpx2
import msgspec
import orjson

from twinlake.core.documents import JsonObject
from twinlake.core.errors import TwinlakeError
from twinlake.core.sizes import write_size
from twinlake.engines.sandbox.dialing import Dialer
from twinlake.jobs.context import JobContext
from twinlake.jobs.models import LOG_LINES, LogEntry
from twinlake.processing.openeo.graphs import GraphFailedError
from twinlake.processing.openeo.jobs.orders import Order
from twinlake.processing.openeo.reporting import LEVELS, Report, Told
from twinlake.processing.openeo.runner.cluster import ClusterAwayError, open_cluster
from twinlake.processing.openeo.runner.executing import ResultFile, execute
from twinlake.processing.openeo.runner.forks import Forks
from twinlake.processing.openeo.runner.telling import tell_end
from twinlake.processing.openeo.tiles.computing import TileRunner
from twinlake.processing.openeo.tiles.usage import RunUsage
from twinlake.processing.openeo.tools import RefusedUserCode, Tools
from twinlake.standards.openeo.errors import InternalError, OpenEoError, ProcessError

_TELL_SECONDS = 0.5
_BYTES_PER_SECOND = 20e6
"""The slowest disk on which the site does not count as hanging while it takes a result."""
_USER_CODE = b'"run_udf"'
"""Stands in each graph that runs code of its user."""
_STAYS = "It runs a user-defined function, so it is computed at the site itself and not on its cluster."


def run(context: JobContext) -> JsonObject:
    """Do what the run's specification orders; return the names of the results."""
    order = msgspec.convert(context.spec, Order)
    telling, used = _Telling(context, order.log_level), _Used(context)
    report = Report(telling)
    tools = Tools.of_child(report)
    folder = context.scratch / "results"
    shutil.rmtree(folder, ignore_errors=True)  # an earlier attempt may have left it half done
    folder.mkdir()
    try:
        laid_out = context.gateway.post("openeo/inputs", {})["files"] if order.pins else {}
        with _open_runner(order, tools) as (runner, lent):
            files = execute(
                order,
                identifier=order.identity or context.gateway.run,
                files=laid_out,
                scratch=context.scratch / "parts",
                folder=folder,
                runner=runner,
                tools=lent,
                tell_usage=used.note,
            )
        telling.flush()
    except OpenEoError as error:
        raise _explain(error, telling) from error
    except ClusterAwayError as error:  # a crash: another attempt goes on where this one was
        telling.note(Told(level="error", message=str(error)))
        telling.flush()
        sys.exit(str(error))
    except (TwinlakeError, MemoryError, httpx2.TransportError):
        raise  # the site says why, or is gone: this is not the graph's fault
    except Exception as error:  # a mistake of a process costs its graph, and is not made again
        traceback.print_exc(file=sys.stderr)
        raise _explain(InternalError("A process made a mistake."), telling) from error
    finally:
        tools.close()
    size_bytes = 0
    for file in files:
        size = hand_over(context, file)
        report.log("info", f"Wrote {file.path.name}: {write_size(size)}, {file.media_type}.")
        size_bytes += size
    tell_end(report, used.usage, len(files), size_bytes)
    telling.flush()
    return {"assets": [file.path.name for file in files]}


@contextmanager
def _open_runner(order: Order, tools: Tools) -> Generator[tuple[TileRunner, Tools]]:
    """Yield what computes the windows, and the tools that it has: code of users runs beside this child, and nowhere else."""
    dialer = Dialer.beside_child()
    has_user_code = _USER_CODE in orjson.dumps([order.graph, order.definitions])
    if dialer is None or has_user_code:
        if dialer is not None:
            tools.report.log("info", _STAYS)
        yield Forks(os.cpu_count() or 1, order.memory_bytes), tools
        return
    with open_cluster(dialer) as cluster:
        yield cluster, replace(tools, user_code=RefusedUserCode(_STAYS))


class _Used:
    """Tells the site what tiles took, and keeps it."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self.usage: RunUsage | None = None

    def note(self, usage: RunUsage) -> None:
        self.usage = usage
        self._context.gateway.post_bytes("openeo/usage", msgspec.json.encode(usage), "application/json")


def _explain(error: OpenEoError, telling: "_Telling") -> GraphFailedError:
    code = error.reason if isinstance(error, ProcessError) else str(error.members.get("code", error.code))
    telling.note(Told(level="error", message=error.message, code=code, path=error.path))
    telling.flush()
    return GraphFailedError(code, error.message)


class _Telling:
    """Tells the site (`Listener`): the log, many entries at once where they come fast; of progress what anybody can follow."""

    def __init__(self, context: JobContext, log_level: str) -> None:
        self._context = context
        self._levels = LEVELS[: LEVELS.index(log_level) + 1]
        self._room = LOG_LINES
        self._waiting: list[LogEntry] = []
        self._logged_at = self._progressed_at = 0.0

    def note(self, told: Told) -> None:
        if told.level not in self._levels or self._room == 0:
            return
        self._room -= 1
        members = {"code": told.code, "path": list(told.path), "data": told.data}
        details = {name: value for name, value in members.items() if value is not None}
        self._waiting.append(LogEntry(told.level, told.message, details))
        if time.monotonic() - self._logged_at >= _TELL_SECONDS:
            self.flush()

    def note_progress(self, done: int, total: int, unit: str) -> None:
        self.flush()  # what comes next may take long
        now = time.monotonic()
        if done == total or now - self._progressed_at >= _TELL_SECONDS:
            self._progressed_at = now
            self._context.progress(done, total, unit)

    def flush(self) -> None:
        """Write what waits to be written."""
        if self._waiting:
            self._context.write_log(self._waiting)
            self._waiting, self._logged_at = [], time.monotonic()


def hand_over(context: JobContext, result: ResultFile) -> int:
    """Have the site keep a result, and return how many bytes it has.

    Its files are named anew, for the site reads no folders of a child.
    """
    paths = sorted(path for path in result.path.rglob("*") if path.is_file()) if result.path.is_dir() else [result.path]
    size_bytes, files = 0, []
    for number, path in enumerate(paths):
        made = f"made-{number}"
        size_bytes += path.stat().st_size
        within = "" if path == result.path else path.relative_to(result.path).as_posix()
        path.rename(context.scratch / made)
        files.append({"path": within, "made": made})
    step = f"asset:{result.path.name}"
    context.begin(step, patience_seconds=size_bytes / _BYTES_PER_SECOND + len(files))
    context.gateway.post("openeo/asset", {"name": result.path.name, "document": result.describe(), "files": files})
    context.finish(step, {"files": len(files), "size_bytes": size_bytes})
    return size_bytes
