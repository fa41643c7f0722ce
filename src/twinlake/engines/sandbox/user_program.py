"""What a sandbox runs, and what the code in it may take."""

from dataclasses import dataclass, field

from twinlake.engines.sandbox.confinement import Confinement


@dataclass(frozen=True, slots=True, kw_only=True)
class UserLimits:
    """Limits of one sandbox, which may be asked many times."""

    memory_bytes: int = 2 << 30
    """Of each process; and of all together, with their files, where there are control groups."""
    cpu_seconds: int = 3600
    """Of each process."""
    scratch_bytes: int = 256 << 20
    """Of all files together."""
    processes: int = 32
    """At a time."""
    open_files: int = 256
    answer_bytes: int = 1 << 30
    """Of all arrays of one answer."""
    call_seconds: float = 300.0
    """Until an answer must have come."""
    entries: int = 1000
    """How many lines of one call reach the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserProgram:
    """What a sandbox is started with."""

    module: str
    """A `user_process.Program` of ours, which runs the code that it is sent."""
    confinement: Confinement
    limits: UserLimits = field(default_factory=UserLimits)
