"""Reading all of a Zarr array, beside zarr-python on the same files: CPU seconds of the fastest of three turns, in one process.

``python -m benchmarks.openeo.chunks --days 100``. Chunks of three sizes, in a folder and in one archive, which the system has
in its cache.
"""

import argparse
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.storage import LocalStore, ZipStore

from benchmarks.openeo.__main__ import ROOT
from twinlake.holdings.readers.zarr_store import open_arrays

_EDGE = 512
_CHUNKS = ((1, 32, 32), (10, 64, 64), (100, 256, 256))
_NAME = "field"


def _make(path: Path, days: int, chunks: tuple[int, ...]) -> Path:
    """Write the array, and the same files into an archive; return the archive."""
    shutil.rmtree(path, ignore_errors=True)
    values = np.random.default_rng(1).integers(0, 500, (days, _EDGE, _EDGE)).astype(np.float32)
    lengths = tuple(min(each, size) for each, size in zip(chunks, values.shape, strict=True))
    array = zarr.open_group(LocalStore(path), mode="w").create_array(
        _NAME, shape=values.shape, chunks=lengths, dtype=values.dtype, dimension_names=("time", "y", "x")
    )
    array[...] = values
    archive = path.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as file:
        for each in path.rglob("*"):
            file.write(each, each.relative_to(path))
    return archive


def _fastest(read: Callable[[], Any]) -> tuple[float, NDArray[Any]]:
    turns = []
    for _ in range(3):
        began = time.process_time()
        made = read()
        turns.append(time.process_time() - began)
    return min(turns), made


def _ours(path: Path) -> NDArray[Any]:
    with open_arrays(path) as file:
        return np.array(file.variables[_NAME].read((slice(None),) * 3))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=100)
    days = parser.parse_args().days
    print("| chunks | stored in | chunks read | Twinlake, CPU s | zarr-python, CPU s | ratio |\n|---|---|--:|--:|--:|--:|")
    for chunks in _CHUNKS:
        folder = ROOT / f"chunks-{chunks[0]}-{chunks[1]}"
        archive = _make(folder, days, chunks)
        count = -(-days // chunks[0]) * (_EDGE // chunks[1]) * (_EDGE // chunks[2])
        for place, path, store in (("folder", folder, LocalStore), ("archive", archive, ZipStore)):
            ours, values = _fastest(lambda path=path: _ours(path))
            peer, expected = _fastest(
                lambda path=path, store=store: zarr.open_group(store(path, read_only=True), mode="r")[_NAME][:]
            )
            np.testing.assert_array_equal(values, expected)
            shape = " x ".join(map(str, chunks))
            print(f"| {shape} | {place} | {count} | {ours:.2f} | {peer:.2f} | {ours / peer:.2f} |")


if __name__ == "__main__":
    main()
