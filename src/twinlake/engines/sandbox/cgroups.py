"""Control groups: what all processes of a sandbox may take together. Root alone can make them.

Source: https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/. Both versions are in use.
"""

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_CONTROLLERS = ("memory", "pids")
_PREFIX = "twinlake-"
_GONE_SECONDS = 5.0
_POLL_SECONDS = 0.002


class Cgroup:
    """A group of its own in each hierarchy that it needs: one in version 2, one for each controller in version 1."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders

    @classmethod
    def create(cls, *, memory_bytes: int, processes: int, number: int = 0) -> "Cgroup":
        """Make a group below, or beside, the one that this process is in; *number* tells it from others of this process.

        Raises
        ------
        OSError
            This process may not, or the kernel has no controllers of memory and processes here.
        """
        parents = _parents()
        for parent in parents:
            _clear(parent)
        group = cls([parent / f"{_PREFIX}{os.getpid()}-{number}" for parent in parents])
        for folder in group._folders:
            folder.mkdir(exist_ok=True)
        group._set(("memory.max", "memory.limit_in_bytes"), memory_bytes)
        group._set(("pids.max",), processes)
        for folder in group._folders:
            with contextlib.suppress(OSError):
                (folder / "memory.swap.max").write_text("0")
        return group

    def enter(self) -> None:
        """Put this process into the group; what it starts is in it, too."""
        for folder in self._folders:
            (folder / "cgroup.procs").write_text("0")

    def is_out_of_memory(self) -> bool:
        """Whether the kernel has ended a process of the group because it took too much memory."""
        for folder in self._folders:
            for name in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError):
                    told = dict(line.split() for line in (folder / name).read_text().splitlines())
                    if told.get("oom_kill", "0") != "0":
                        return True
        return False

    def remove(self) -> None:
        """Take the group away, once the last of its processes, which were killed, has gone."""
        until = time.monotonic() + _GONE_SECONDS
        for folder in self._folders:
            while (folder / "cgroup.procs").read_text() and time.monotonic() < until:
                time.sleep(_POLL_SECONDS)
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _set(self, names: Sequence[str], value: int) -> None:
        for folder in self._folders:
            for name in names:
                if (folder / name).exists():
                    (folder / name).write_text(str(value))
                    return
        raise OSError(f"There is no {names[0]} in the control groups of this machine.")


def _parents() -> list[Path]:
    """Return below which folders a group with all controllers can be made."""
    own = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    unified = next((Path(path.lstrip("/")) for _, controllers, path in own if not controllers), None)
    if unified is not None:
        # A group that has processes gives no controllers to groups below it: those above do.
        for above in (*unified.parents, Path()):
            with contextlib.suppress(OSError):
                if {*_CONTROLLERS} <= {*(_ROOT / above / "cgroup.subtree_control").read_text().split()}:
                    return [_ROOT / above]
    by_controller = {name: path for _, controllers, path in own for name in controllers.split(",")}
    return [_ROOT / name / by_controller.get(name, "/").lstrip("/") for name in _CONTROLLERS]


def _clear(parent: Path) -> None:
    """Take away what a process that was killed has left."""
    for left in parent.glob(f"{_PREFIX}*"):
        if not Path("/proc", left.name.removeprefix(_PREFIX).split("-")[0]).exists():
            with contextlib.suppress(OSError):
                left.rmdir()
