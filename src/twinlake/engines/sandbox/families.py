"""CPU time of a process and all that it has started, as the kernel counts it.

Source: proc_pid_stat(5), proc_pid_task(5).
"""

import os
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_TIMES = slice(11, 15)
"""Of a process and of those that it has waited for, in user and in kernel mode, counted from its state on."""


def cpu_seconds_of(process: int) -> float:
    """Return the CPU time that a process and its living descendants have taken, with all that they have waited for.

    What has ended without being waited for, and what was started by it, is not seen: a process that is gone altogether has 0.
    """
    try:
        # Its own times first: who is waited for in between is missed once, and not counted twice.
        taken = sum(int(each) for each in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[_TIMES]) / _TICK
    except OSError:
        return 0.0
    return taken + sum(cpu_seconds_of(each) for each in children_of(process))


def children_of(process: int) -> list[int]:
    """Return the living children of a process; none where the kernel does not tell (before Linux 4.2, or by choice)."""
    found = []
    try:
        for thread in Path(f"/proc/{process}/task").iterdir():
            found += [int(each) for each in (thread / "children").read_text().split()]
    except OSError:
        return found
    return found


def descendants_of(process: int) -> list[int]:
    """Return the living descendants of a process."""
    children = children_of(process)
    return [*children, *[each for child in children for each in descendants_of(child)]]
