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
        # Large arrays in large pages, where the kernel gives them to who asks: a virtual machine may take longer to give 4 KiB at
        # a time than it takes to compute with them.
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
