"""Work that is shared by the workers of a Dask cluster, which see the same files under the same paths."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from twinlake.processing.openeo.runner.failures import Told, raise_told, tell


@dataclass(frozen=True, slots=True)
class Cluster:
    """Does what can be done side by side on a cluster: `client` is a `distributed.Client`."""

    client: Any

    def run(self, numbers: Sequence[int], work: Callable[[int], None], *, peak_bytes: int = 0) -> Iterator[int]:  # noqa: ARG002
        """Call *work* with each number; yield each when it is done, in any order.

        Raises
        ------
        OpenEoError
            As *work* raised it.
        """
        from distributed import as_completed

        if not numbers:
            return
        [shared] = self.client.scatter([work], broadcast=True, hash=False)
        # A task that is started again writes the same part once more: nothing of it is seen before it is whole.
        tasks = [self.client.submit(_do, shared, number, pure=False) for number in numbers]
        try:
            for task in as_completed(tasks):  # type: ignore[no-untyped-call]
                number, told = task.result()
                raise_told(told)
                yield number
        finally:
            with contextlib.suppress(OSError):  # the cluster has gone
                self.client.cancel([*tasks, shared])


def _do(work: Callable[[int], None], number: int) -> tuple[int, Told | None]:
    return number, tell(work, number)
