"""CPU time of one coroutine on a loop that runs many."""

import time
from collections.abc import Coroutine, Generator
from typing import Any


class Metered:
    """Awaits a coroutine and counts the CPU time of each of its turns; other tasks' turns are not in it."""

    __slots__ = ("_coroutine", "cpu_seconds")

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine
        self.cpu_seconds = 0.0

    def __await__(self) -> Generator[Any, Any, None]:
        resume = self._coroutine.send
        value: Any = None
        while True:
            began = time.thread_time()
            try:
                waited_for = resume(value)
            except StopIteration:
                return
            finally:
                self.cpu_seconds += time.thread_time() - began
            try:
                value, resume = (yield waited_for), self._coroutine.send
            except GeneratorExit:
                self._coroutine.close()
                raise
            except BaseException as error:  # noqa: BLE001  # a cancellation is thrown on into the coroutine
                value, resume = error, self._coroutine.throw
