"""What runs first in a child: `python -I -m twinlake.engines.sandbox.launch JSON`.

It takes its limits from its argument, applies them to itself, and becomes the module that it was started for.
Little is imported before the limits hold.
"""

import contextlib
import json
import os
import resource
import runpy
import sys

from twinlake.engines.sandbox.confining import confine_files, die_with_parent


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
    with contextlib.ExitStack() as stack:
        if order["user_program"] is not None:
            from twinlake.engines.sandbox.user_code import spawner_of_child

            stack.enter_context(spawner_of_child(order["user_program"]))
        if order["destination"] is not None:
            from twinlake.engines.sandbox.dialing import dialer_of_child

            stack.enter_context(dialer_of_child(order["destination"]))
        apply_limits(**order["limits"])
        if order["readable"] is not None:
            confine_files(order["readable"])
        os.umask(0o077)
        sys.argv = [order["module"]]
        runpy.run_module(order["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
