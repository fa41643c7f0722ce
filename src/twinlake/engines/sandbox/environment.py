"""What a confined process finds in its environment."""

from pathlib import Path


def bare_environment(scratch: Path) -> dict[str, str]:
    """Return all of it. One thread per library: a child is one worker."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
