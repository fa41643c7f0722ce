"""Disposable child processes with limits.

What opens a file that somebody else made, or runs for long, does it in a child: a crash, a hang or an
exploding file costs that child and nothing else. The limits are those of the kernel for one process
(memory, CPU time, open files, file size); a child has no descriptors and no environment of its parent, a
process group and scratch directory of its own, and dies with its parent. Where the kernel has Landlock a child
reads and writes only what it is given, and has no network; a Unix socket by its path it may connect to, and what its
`Destination` names.

Code that users wrote runs one step further away: in a sandbox (`confinement`) that a child asks over a socket (`user_code`) and
whose every answer it checks.
"""

from twinlake.engines.sandbox.child import Child, Exit, start_child
from twinlake.engines.sandbox.confinement import Confinement, Level
from twinlake.engines.sandbox.destination import Destination
from twinlake.engines.sandbox.limits import Limits
from twinlake.engines.sandbox.user_program import UserLimits, UserProgram
from twinlake.engines.sandbox.worker import Worker, WorkerFellError

__all__ = [
    "Child",
    "Confinement",
    "Destination",
    "Exit",
    "Level",
    "Limits",
    "UserLimits",
    "UserProgram",
    "Worker",
    "WorkerFellError",
    "start_child",
]
