"""What runs first in a child: `python -I -m twinlake.engines.sandbox.launch JSON`.

It takes its limits from its argument, applies them to itself, and becomes the module that it was started for.
Little is imported before the limits hold.
"""

import ctypes
import json
import os
import resource
import runpy
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from twinlake.engines.sandbox.landlock import confine

_PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h
_PR_SET_NO_NEW_PRIVS = 38
_SYSTEM = (
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
    for option, value in ((_PR_SET_PDEATHSIG, int(signal.SIGKILL)), (_PR_SET_NO_NEW_PRIVS, 1)):
        if libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        os._exit(1)


def apply_limits(*, memory_bytes: int, cpu_seconds: int, file_bytes: int, open_files: int, niceness: int) -> None:
    """Set the limits of this process for good."""
    for kind, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, open_files),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))
    os.nice(niceness)


def confine_files(readable: Sequence[str]) -> None:
    """Leave this process its interpreter and libraries, *readable*, and its working directory to write to."""
    own = (*sys.path, sys.prefix, sys.base_prefix, *_SYSTEM)
    confine(readable=[Path(path) for path in (*own, *readable) if path], writable=[Path.cwd(), Path(os.devnull)])


def main() -> None:
    """Confine this process, then run the module."""
    order = json.loads(sys.argv[1])
    die_with_parent(order["parent"])
    apply_limits(**order["limits"])
    if order["readable"] is not None:
        confine_files(order["readable"])
    os.umask(0o077)
    sys.argv = [order["module"]]
    runpy.run_module(order["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
