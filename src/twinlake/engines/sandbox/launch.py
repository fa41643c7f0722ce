"""What runs first in a child: `python -I -m twinlake.engines.sandbox.launch JSON`.

It takes its limits from its argument, applies them to itself, and becomes the module that it was started for.
Only the standard library is imported before the limits hold.
"""

import ctypes
import json
import os
import resource
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h
_PR_SET_NO_NEW_PRIVS = 38


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


def main() -> None:
    """Confine this process, then run the module."""
    order = json.loads(sys.argv[1])
    die_with_parent(order["parent"])
    apply_limits(**order["limits"])
    os.umask(0o077)
    sys.argv = [order["module"]]
    runpy.run_module(order["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
