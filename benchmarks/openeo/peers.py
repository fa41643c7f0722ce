"""The same work by others, in an environment of their own: ``python peers.py NAME OUT ARGUMENT …`` prints CPU seconds and MiB.

Nothing of Twinlake is imported here. `run` makes the environment, and runs it.
"""

import importlib
import inspect
import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PACKAGES = (
    "openeo-processes-dask==2026.9.1",
    # What its extra has, but for GDAL, which cannot be built everywhere and is not imported, and an old xvec.
    "dask-geopandas",
    "dask[array,dataframe,distributed]",
    "joblib",
    "odc-stac",
    "odc-loader[zarr]",
    "openeo-pg-parser-networkx==2026.3.3",
    "planetary_computer",
    "pystac_client",
    "rioxarray",
    "stac_validator",
    "bottleneck",
    "flox==0.11.2",
    "xvec==0.5.2",
    "exactextract==0.3.0",
)
_TILE = 1024
_BANDS = ("B04", "B08", "SCL")


def read_peak_mib() -> float:
    """Return the most memory that this process has had; ``ru_maxrss`` has that of who has started it, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 1024


def run(folder: Path, name: str, *arguments: object) -> tuple[np.ndarray, float, float]:
    """Return what a peer makes, and the CPU seconds and peak MiB that it took, imports included."""
    python = folder / "venv/bin/python"
    if not python.exists():
        uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "-q", folder / "venv"], check=True)
        subprocess.run([uv, "pip", "install", "-q", "--python", python, *PACKAGES], check=True)
    target = folder / f"{name}.npy"
    done = subprocess.run([python, __file__, name, target, *map(str, arguments)], check=True, capture_output=True, text=True)
    cpu, peak = map(float, done.stdout.split()[-2:])
    return np.load(target), cpu, peak


def ndvi(folder: str, graph: str) -> np.ndarray:
    """Compute a graph over scenes by openeo-processes-dask, as its own documentation does."""
    import rioxarray
    import xarray as xr

    def load_collection(**_: Any) -> xr.DataArray:
        dates = sorted(Path(folder).iterdir())
        cube = xr.concat(
            [
                xr.concat([rioxarray.open_rasterio(each / f"{name}.tif", chunks=_TILE)[0] for name in _BANDS], dim="bands")
                for each in dates
            ],
            dim="t",
        )
        times = [np.datetime64(f"{each.name[2:6]}-{each.name[6:8]}-{each.name[8:]}", "ns") for each in dates]
        return cube.assign_coords(bands=list(_BANDS), t=times).transpose("t", "bands", "y", "x")

    return np.asarray(_build_lazily(graph, _make_registry(load_collection)).compute())


def estimate(dates: str, size: str, graph: str) -> np.ndarray:
    """Return the milliseconds in which a graph is parsed and built lazily, on a cube that is there: the median of 20 turns."""
    import dask.array
    import xarray as xr

    times = np.datetime64("2024-01-01", "ns") + np.arange(int(dates)) * np.timedelta64(30, "D")
    blank = dask.array.zeros((len(times), len(_BANDS), int(size), int(size)), dtype="uint16", chunks=(1, 1, _TILE, _TILE))
    cube = xr.DataArray(blank, dims=("t", "bands", "y", "x"), coords={"t": times, "bands": list(_BANDS)})
    registry, turns = _make_registry(lambda **_: cube), []
    for _ in range(20):
        began = time.perf_counter()
        assert _build_lazily(graph, registry).shape == (int(size), int(size))
        turns.append((time.perf_counter() - began) * 1e3)
    return np.median(turns, keepdims=True)


def _make_registry(load_collection: Callable[..., Any]) -> Any:
    from openeo_pg_parser_networkx import ProcessRegistry
    from openeo_pg_parser_networkx.process_registry import Process
    from openeo_processes_dask.process_implementations.core import process

    registry = ProcessRegistry(wrap_funcs=[process])
    specs = importlib.import_module("openeo_processes_dask.specs")
    for name, function in inspect.getmembers(
        importlib.import_module("openeo_processes_dask.process_implementations"), inspect.isfunction
    ):
        known = name.strip("_")
        registry[known] = Process(spec=getattr(specs, known, getattr(specs, name, {})), implementation=function)
    registry["load_collection"] = Process(spec=specs.load_collection, implementation=load_collection)
    registry["save_result"] = Process(spec=specs.save_result, implementation=lambda data, **_: data)
    return registry


def _build_lazily(graph: str, registry: Any) -> Any:
    from openeo_pg_parser_networkx import OpenEOProcessGraph

    parsed = OpenEOProcessGraph(pg_data={"process_graph": json.loads(Path(graph).read_text())})
    return parsed.to_callable(registry)(named_parameters={})


def field(folder: str, zones: str) -> np.ndarray:
    """Compute anomalies of months with xarray and flox, and their means over polygons with xvec."""
    import geopandas
    import xarray as xr
    import xvec  # noqa: F401  # for `.xvec`

    daily = xr.open_zarr(folder, consolidated=False)["t2m"]
    monthly = daily.resample(time="MS").mean()
    anomalies = (monthly.groupby("time.month") - monthly.groupby("time.month").mean()).compute()
    shapes = geopandas.read_file(zones)
    means = anomalies.xvec.zonal_stats(
        shapes.geometry, x_coords="lon", y_coords="lat", stats="mean", method="exactextract", index=False
    )
    return np.asarray(means.transpose("time", "geometry"))


if __name__ == "__main__":
    name, target, *given = sys.argv[1:]
    made = {"ndvi": ndvi, "estimate": estimate, "field": field}[name](*given)
    np.save(target, made)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_utime + used.ru_stime, read_peak_mib())
