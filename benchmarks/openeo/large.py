"""A whole tile of Sentinel-2 over a season in a budget of memory: NDVI and its median, as a batch job of a real site.

``python -m benchmarks.openeo.large --size 10980 --dates 24``. Memory is the proportional set (PSS) of the job's child and of all
that it has started, looked at five times a second.
"""

import argparse
import subprocess
import threading
import time
from pathlib import Path
from typing import Self

import numpy as np
import openeo
import psutil
import rasterio
from rasterio.transform import from_origin

from benchmarks.openeo.__main__ import RECIPE, ROOT, run_job
from twinlake.testing.site import SiteProcess, make_site, run_twinlake

_EVERY_SECONDS = 0.2
_LOOKS = 4
"""Scenes that differ; every fourth date has the bytes of one again."""
_CHECKED = 64
"""Rows of which the result is computed again by hand."""


def scene(band: int, date: int, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return what is in a scene: waves that move from date to date, with gaps (0) that do, too."""
    date %= _LOOKS
    across, along = columns[None, :] / 400 + date, rows[:, None] / 300
    data = (
        1500 + 700 * band + 600 * np.sin(across + band) * np.cos(along) + (rows[:, None] * 7 + columns[None, :] * 3 + date) % 50
    )
    return np.where((rows[:, None] // 256 + columns[None, :] // 256 + date) % 7 == 0, 0, data).astype(np.uint16)


def make_scenes(folder: Path, size: int, dates: int) -> None:
    """Write them as COGs."""
    if folder.exists():
        return
    places = np.arange(size)
    profile = {"driver": "COG", "blocksize": 512, "compress": "DEFLATE", "level": 1, "overviews": "NONE", "num_threads": 2}
    grid = {"crs": "EPSG:32631", "transform": from_origin(5e5, 5e6, 10, 10), "height": size, "width": size}
    made: dict[tuple[int, int], Path] = {}
    for date in range(dates):
        for band, name in enumerate(("B04", "B08")):
            path = folder / f"s_2024{date // 2 + 1:02d}{date % 2 * 14 + 1:02d}" / f"{name}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            if date >= _LOOKS:
                path.hardlink_to(made[date % _LOOKS, band])
                continue
            made[date, band] = path
            with rasterio.open(path, "w", count=1, dtype="uint16", nodata=0, **grid, **profile) as target:
                for top in range(0, size, 512):
                    rows = places[top : top + 512]
                    target.write(scene(band, date, rows, places), 1, window=((top, top + len(rows)), (0, size)))


class Watch:
    """Looks at the memory of the children of a site while a block lasts."""

    def __init__(self, site: SiteProcess) -> None:
        self._site = psutil.Process(site.process_id)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.peak = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            total = 0
            try:
                for child in self._site.children():
                    if "twinlake.jobs.child" in " ".join(child.cmdline()):
                        total += sum(_pss(each.pid) for each in (child, *child.children(recursive=True)))
            except psutil.NoSuchProcess:
                continue
            self.peak = max(self.peak, total)


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)


def expected(rows: np.ndarray, size: int, dates: int) -> np.ndarray:
    """Return the median by hand."""
    columns, found = np.arange(size), []
    with np.errstate(all="ignore"):
        for date in range(dates):
            red, nir = (np.where((made := scene(band, date, rows, columns)) == 0, np.nan, made) for band in (0, 1))
            found.append((nir - red) / (nir + red))
    return np.nanmedian(np.stack(found), axis=0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=10980, help="rows, and columns")
    parser.add_argument("--dates", type=int, default=24)
    parser.add_argument("--budget-mib", type=int, default=2048)
    arguments = parser.parse_args()
    size, dates = arguments.size, arguments.dates
    scenes, folder = ROOT / f"large-{size}-{dates}", ROOT / "large-site"
    make_scenes(scenes, size, dates)
    subprocess.run(["rm", "-rf", folder], check=True)
    settings = {"ingest.link_roots": [str(scenes.resolve())], "openeo.job_memory_bytes": arguments.budget_mib << 20}
    with SiteProcess(make_site(folder), settings=settings) as site:
        (ROOT / "recipe.toml").write_text(RECIPE)
        (ROOT / "token").write_text(site.token)
        options = ("--create-collection", "--link", "--recipe", ROOT / "recipe.toml", "--token-file", ROOT / "token")
        done = run_twinlake("ingest", scenes.resolve(), "-c", "scenes", *options, "--to", site.url)
        assert done.returncode == 0, done.stdout + done.stderr
        connection = openeo.connect(site.url).authenticate_bearer_token(f"basic//{site.token}")
        index = connection.load_collection("scenes").ndvi(nir="B08", red="B04")
        with Watch(site) as watch:
            began = time.perf_counter()
            path, cpu, _, _ = run_job(
                index.reduce_dimension(dimension="t", reducer="median").save_result("GTiff"), ROOT / "large"
            )
            wall = time.perf_counter() - began
    with rasterio.open(path) as made:
        for top in (0, size // 2, size - _CHECKED):
            found = made.read(1, window=((top, top + _CHECKED), (0, size)))
            np.testing.assert_allclose(found, expected(np.arange(top, top + _CHECKED), size, dates), atol=1e-5)
    pixels = 2 * dates * size**2 / 1e9
    peak, budget = watch.peak / 2**20, arguments.budget_mib
    print("| work | gigapixels read | CPU s | wall s | wall s per gigapixel | peak PSS, MiB | budget, MiB | inside it |")
    print("|---|--:|--:|--:|--:|--:|--:|---|")
    is_inside = "yes" if peak < budget else "no"
    told = f"{pixels:.2f} | {cpu:.0f} | {wall:.0f} | {wall / pixels:.1f} | {peak:.0f} | {budget} | {is_inside}"
    print(f"| NDVI, median: {dates} x {size} x {size} | {told} |")


if __name__ == "__main__":
    main()
