"""What a child may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one child process, held by the kernel."""

    memory_bytes: int
    """Address space. Allocations beyond it fail in the child."""
    cpu_seconds: int
    """CPU time of all its threads; beyond it the child is killed."""
    file_bytes: int
    """Largest file that it may write."""
    open_files: int = 256
    niceness: int = 5
    """How far it stands back for others, 0 to 19."""
