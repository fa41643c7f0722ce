"""Copies of this process that share its work: each takes another number as soon as it has done one.

How much memory they may take together is held by how many there are: at first by what a number should take, then by the most that
one has taken. Each tells that itself: whoever is confined to the files that it needs cannot look at others in ``/proc``.
"""

import contextlib
import json
import os
import resource
import selectors
import signal
import sys
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from twinlake.holdings.readers.gdal import OPTIONS
from twinlake.processing.openeo.runner.failures import raise_told, tell
from twinlake.standards.openeo.errors import ProcessGraphComplexityError

_NUMBER_BYTES = 8
_CACHE_BYTES: int = OPTIONS["GDAL_CACHEMAX"]
"""What GDAL keeps of what it has read, in each process for itself."""


@dataclass(frozen=True, slots=True)
class Forks:
    """Does what can be done side by side in so many processes, which see what this one sees; nothing that they do to it stays."""

    count: int
    memory_bytes: int = 2 << 30
    """What this one and they may take together (proportional set size); one works in any case."""

    def run(self, numbers: Sequence[int], work: Callable[[int], None], *, peak_bytes: int = 0) -> Iterator[int]:
        """Call *work* with each number; yield each when it is done, in any order.

        Raises
        ------
        OpenEoError
            As *work* raised it; `ProcessGraphComplexityError` if a process has died over its number.
        """
        memory = _Memory(self.memory_bytes - _own_bytes(), peak_bytes + _CACHE_BYTES)
        count = min(self.count, len(numbers), memory.most)
        if count <= 1:
            for number in numbers:
                work(number)
                yield number
            return
        with selectors.DefaultSelector() as selector:
            processes: list[_Process] = []
            try:
                for _ in range(count):
                    processes.append(_fork(work, processes))
                yield from _hand_out(numbers, processes, selector, memory)
            finally:
                for process in processes:
                    process.end()


@dataclass(slots=True)
class _Memory:
    room: int
    """Bytes, for all."""
    each: int
    """Bytes that one takes."""

    @property
    def most(self) -> int:
        """How many there may be."""
        return max(self.room // self.each, 1)


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    orders: int
    answers: int

    def give(self, number: int) -> None:
        os.write(self.orders, number.to_bytes(_NUMBER_BYTES, "little"))

    def take(self) -> tuple[int, int, str]:
        """Return the number that is done, the most bytes taken so far, and why it failed, in JSON; nothing where it did not."""
        head = _read(self.answers, 3 * _NUMBER_BYTES)
        number, taken, length = (
            int.from_bytes(head[at : at + _NUMBER_BYTES], "little") for at in range(0, len(head), _NUMBER_BYTES)
        )
        return number, taken, _read(self.answers, length).decode()

    def end(self) -> None:
        os.close(self.orders)
        os.close(self.answers)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _hand_out(
    numbers: Sequence[int], processes: list[_Process], selector: selectors.BaseSelector, memory: _Memory
) -> Iterator[int]:
    """Yield the numbers that are done; where there are more *processes* than memory has room for, those that are done end."""
    waiting = _Waiting(numbers, len(processes))
    for place, process in enumerate(processes):
        selector.register(process.answers, selectors.EVENT_READ, (place, process))
        process.give(waiting.next_of(place))
    for _ in range(len(numbers)):
        ready = selector.select()[0][0]
        place, process = ready.data
        try:
            done, taken, failure = process.take()
        except EOFError:
            raise ProcessGraphComplexityError(
                "A process that computed a part of the graph has ended: it took too much memory or time."
            ) from None
        if failure:
            raise_told(tuple(json.loads(failure)))
        yield done
        memory.each = max(memory.each, taken)
        if len(processes) > memory.most:
            selector.unregister(process.answers)
            processes.remove(process)
            process.end()
        elif waiting.count:
            process.give(waiting.next_of(place))


class _Waiting:
    """Numbers in runs, one for each process: parts that follow one another often need the same of a file."""

    def __init__(self, numbers: Sequence[int], processes: int) -> None:
        bounds = [place * len(numbers) // processes for place in range(processes + 1)]
        self._runs = [deque(numbers[start:end]) for start, end in pairwise(bounds)]
        self.count = len(numbers)

    def next_of(self, place: int) -> int:
        """Take the next number of a process's own run; if there is none, the last one of the longest other."""
        self.count -= 1
        own = self._runs[place]
        return own.popleft() if own else max(self._runs, key=len).pop()


def _fork(work: Callable[[int], None], others: Sequence[_Process]) -> _Process:
    order_out, order_in = os.pipe()
    answer_out, answer_in = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns where there are threads: one that gives signs of life holds nothing that is needed here.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        os.close(order_out)
        os.close(answer_in)
        return _Process(pid, order_in, answer_out)
    status = 1
    try:
        for each in (order_in, answer_out, *[pipe for other in others for pipe in (other.orders, other.answers)]):
            os.close(each)  # a process whose parent has gone sees the end of its orders
        _serve(order_out, answer_in, work)
        status = 0
    except BaseException:  # noqa: BLE001  # nothing of what the parent was about to do may go on here
        traceback.print_exc(file=sys.stderr)
    finally:
        os._exit(status)


def _serve(orders: int, answers: int, work: Callable[[int], None]) -> None:
    before = _most_bytes()
    while order := os.read(orders, _NUMBER_BYTES):
        told = tell(work, int.from_bytes(order, "little"))
        failure = b"" if told is None else json.dumps(told).encode()
        taken, length = (each.to_bytes(_NUMBER_BYTES, "little") for each in (_most_bytes() - before, len(failure)))
        os.write(answers, order + taken + length + failure)


def _most_bytes() -> int:
    """Return the most memory that this process has had: right after it was made what it shares with its parent."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _own_bytes() -> int:
    """Return how much memory this process has, by its share of what it has in common with others."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) << 10


def _read(descriptor: int, count: int) -> bytes:
    read = b""
    while len(read) < count:
        piece = os.read(descriptor, count - len(read))
        if not piece:
            raise EOFError
        read += piece
    return read
