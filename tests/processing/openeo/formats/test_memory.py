"""Large images are written in the memory of a few tiles."""

import json
import subprocess
import sys

import pytest

SIDE, TILE = 6144, 512
WRITE = """
import json, resource, sys
from pathlib import Path
import numpy as np
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.formats.facts import ResultFacts
from twinlake.processing.openeo.formats.writing import write
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.values import Values

def axis(name, count):
    step = -1.0 if name == "y" else 1.0
    return Dimension(name=name, kind="spatial", axis=name, labels=tuple(step * n for n in range(count)), crs=32631)

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) * 1024

def run(folder, named, side, tile):
    dimensions = (axis("y", side), axis("x", side))
    hollow = Cube(values=Values(data=np.empty((0, 0), dtype=np.int64), valid=np.empty((0, 0), dtype=bool)), dimensions=dimensions)
    def tiles():
        for y in range(0, side, tile):
            for x in range(0, side, tile):
                place = slice(y, min(y + tile, side)), slice(x, min(x + tile, side))
                data = np.add.outer(np.arange(y, place[0].stop), np.arange(x, place[1].stop))
                part = (dimensions[0].take(range(y, place[0].stop)), dimensions[1].take(range(x, place[1].stop)))
                yield dict(y=place[0], x=place[1]), Cube(values=Values(data=data, valid=data > 0), dimensions=part)
    folder.mkdir()
    facts = ResultFacts(identifier="i", title="t", graph={})
    return write(hollow, tiles(), format=named, options={}, folder=folder, facts=facts)

folder, named, side, tile = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
run(folder / "small", named, 600, 300)
Path("/proc/self/clear_refs").write_text("5")
before = peak()
size = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmSize")) * 1024
resource.setrlimit(resource.RLIMIT_AS, (size + 256 * 2**20,) * 2)
run(folder / "large", named, side, tile)
print(json.dumps(peak() - before))
"""


@pytest.mark.slow
@pytest.mark.parametrize("named", ["COG", "netCDF", "Zarr", "PNG"])
def test_the_peak_of_memory_is_far_below_the_cube(tmp_path, named):
    command = [sys.executable, "-c", WRITE, str(tmp_path), named, str(SIDE), str(TILE)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)

    # Nor may it be mapped: children have few addresses. The cube has 340 MB with its mask; GDAL keeps 64 MiB of blocks, zarr a shard of 8 MiB a few times.
    assert json.loads(done.stdout) < 130e6
    assert any((tmp_path / "large").iterdir())
