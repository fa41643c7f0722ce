"""How a process gives up what it does not need, for itself and for all that it starts."""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from twinlake.engines.sandbox.landlock import confine

_PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/dev/urandom",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
)
"""What libraries read of a system when they start, and no secrets."""


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when the thread that started it ends; end now if it has ended already."""
    libc = ctypes.CDLL(None, use_errno=True)
    _control(libc, _PR_SET_PDEATHSIG, int(signal.SIGKILL))
    forbid_new_privileges(libc)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Make this process the parent of what its descendants leave behind when they end: it can wait for that."""
    _control(ctypes.CDLL(None, use_errno=True), _PR_SET_CHILD_SUBREAPER, 1)


def forbid_new_privileges(libc: ctypes.CDLL) -> None:
    """Let no program give this process rights that it does not have."""
    _control(libc, _PR_SET_NO_NEW_PRIVS, 1)


def _control(libc: ctypes.CDLL, option: int, value: int) -> None:
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def confine_files(readable: Sequence[str]) -> None:
    """Leave this process its interpreter and libraries, *readable*, and its working directory to write to."""
    own = (*sys.path, sys.prefix, sys.base_prefix, *SYSTEM)
    confine(readable=[Path(path) for path in (*own, *readable) if path], writable=[Path.cwd(), Path(os.devnull)])
