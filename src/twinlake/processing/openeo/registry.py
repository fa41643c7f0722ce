"""The processes by id. Modules are read when a process is first asked for; their names are known without."""

import asyncio
import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from functools import cache

from twinlake.processing.openeo import processes
from twinlake.processing.openeo.process import Process

_PACKAGE = processes.__name__


@cache
def _modules() -> dict[str, str]:
    """Return the module of each process by its id: `CATEGORY/ID.py`, with an underscore where Python keeps the word."""
    found = {}
    for category in pkgutil.iter_modules(processes.__path__):
        package = importlib.import_module(f"{_PACKAGE}.{category.name}")
        for module in pkgutil.iter_modules(package.__path__):
            found[module.name.removesuffix("_")] = f"{_PACKAGE}.{category.name}.{module.name}"
    return found


@cache
def find_process(process_id: str) -> Process | None:
    """Return a process."""
    module = _modules().get(process_id)
    if module is None:
        return None
    process: Process = importlib.import_module(module).PROCESS
    return process


def list_ids() -> list[str]:
    """Return the ids of all processes, in order."""
    return sorted(_modules())


def list_processes() -> Iterator[Process]:
    """Yield all processes in order of their ids."""
    for process_id in list_ids():
        if (process := find_process(process_id)) is not None:
            yield process


async def read_processes() -> Sequence[Process]:
    """Return all processes in order of their ids.

    Their modules are read when they are first asked for, which takes too long for everybody else to wait.
    """
    return await asyncio.to_thread(_read_all)


@cache
def _read_all() -> tuple[Process, ...]:
    return tuple(list_processes())
