"""Jobs of a real site beside the same work by others, in one run: by hand, with xarray, and with openeo-processes-dask.

NDVI, cloud mask and median of 12 dates; monthly anomalies of a daily field of 20 years over regions; tiles of a map;
validation and estimate of a long graph.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import openeo
import psutil
import rasterio
import xarray as xr
from rasterio.transform import from_origin

from benchmarks.openeo import peers
from twinlake.testing.site import SiteProcess, make_site, run_twinlake

ROOT = Path("build/benchmarks/openeo")
QUICK = {"max_poll_interval": 0.2, "print": lambda _: None}
_STEPS = 50
RECIPE = r"""
datetime_format = "%Y%m%d"
[[rules]]
files = '(?P<item>s_(?P<datetime>\d{8}))/(?P<asset>\w+)\.tif'
[assets.B04]
bands = [{ name = "B04", "eo:common_name" = "red", "eo:center_wavelength" = 0.665 }]
[assets.B08]
bands = [{ name = "B08", "eo:common_name" = "nir", "eo:center_wavelength" = 0.842 }]
"""


def make_scenes(folder: Path, size: int) -> None:
    """Write 12 dates of three bands as COGs, smooth enough for deflate to have something to do."""
    if folder.exists():
        return
    random = np.random.default_rng(1)
    base = random.normal(size=(size // 16, size // 16)).repeat(16, 0).repeat(16, 1)
    for month in range(1, 13):
        for name, low, high in (("B04", 200, 3000), ("B08", 800, 5000), ("SCL", 0, 11)):
            noise = random.integers(0, 60 if name != "SCL" else 1, (size, size))
            data = np.clip((low + high) / 2 + base * (high - low) / 6 + month * 3 + noise, low, high)
            if name == "SCL":
                data = (base * 3 + 6 + month % 3).clip(0, 11)
            path = folder / f"s_2024{month:02d}01" / f"{name}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            profile = {
                "driver": "COG",
                "blocksize": 512,
                "compress": "DEFLATE",
                "dtype": "uint16",
                "count": 1,
                "crs": "EPSG:32631",
            }
            transform = from_origin(500_000, 5_000_000, 10, 10)
            with rasterio.open(path, "w", height=size, width=size, transform=transform, **profile) as target:
                target.write(data.astype("uint16"), 1)


def make_field(folder: Path, days: int) -> None:
    """Write a daily field with gaps as Zarr, a year in a chunk."""
    if folder.exists():
        return
    random = np.random.default_rng(2)
    times = xr.date_range("2000-01-01", periods=days)
    season = 10 * np.sin(2 * np.pi * np.arange(days) / 365.25, dtype=np.float32)
    data = random.random((days, 161, 281), dtype=np.float32) * 5 + season[:, None, None]
    data[random.random(data.shape, dtype=np.float32) < 0.02] = np.nan
    lat, lon = 72 - np.arange(161) * 0.25, -10 + np.arange(281) * 0.25
    field = xr.DataArray(data, dims=("time", "lat", "lon"), coords={"time": times, "lat": lat, "lon": lon}, name="t2m")
    field.lat.attrs |= {"units": "degrees_north", "standard_name": "latitude"}
    field.lon.attrs |= {"units": "degrees_east", "standard_name": "longitude"}
    field.to_dataset().to_zarr(folder, encoding={"t2m": {"chunks": (365, 161, 281)}}, zarr_format=3, consolidated=False)


def ndvi_by_hand(folder: Path, size: int) -> "np.ndarray":
    """Compute it tile by tile with bottleneck."""
    import bottleneck

    names = sorted(folder.iterdir())
    out = np.empty((size, size), np.float32)
    files = [[rasterio.open(each / f"{name}.tif") for name in ("B04", "B08", "SCL")] for each in names]
    with np.errstate(all="ignore"):
        for y in range(0, size, 1024):
            for x in range(0, size, 1024):
                window = ((y, min(y + 1024, size)), (x, min(x + 1024, size)))
                index = []
                for red, nir, scl in files:
                    r, n, s = red.read(1, window=window), nir.read(1, window=window), scl.read(1, window=window)
                    r, n = r.astype(np.float32), n.astype(np.float32)
                    value = (n - r) / (n + r)
                    value[(s == 3) | ((s >= 8) & (s <= 10))] = np.nan
                    index.append(value)
                out[slice(*window[0]), slice(*window[1])] = bottleneck.nanmedian(np.stack(index), axis=0)
    return out


def regions(count: int = 56) -> dict:
    """Return many-sided polygons over the field."""
    random = np.random.default_rng(3)
    features = []
    for number in range(count):
        x, y = random.uniform(-5, 55), random.uniform(37, 67)
        angles = np.linspace(0, 2 * np.pi, 60)[:-1]
        ring = [[x + 4 * np.cos(a) * (1 + 0.2 * np.sin(5 * a)), y + 3 * np.sin(a)] for a in angles]
        features.append(
            {"type": "Feature", "properties": {"n": number}, "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}}
        )
    return {"type": "FeatureCollection", "features": features}


def cpu_of(function, *arguments):
    """Return what a function returns, run in a process of its own, and the CPU seconds and MiB that it took."""
    code = (
        "import sys, resource, numpy as np; from pathlib import Path; import benchmarks.openeo.__main__ as m;"
        f"made = m.{function.__name__}({', '.join(map(repr, arguments))});"
        "np.save(sys.argv[1], made); u = resource.getrusage(resource.RUSAGE_SELF);"
        "print(u.ru_utime + u.ru_stime, m.peers.read_peak_mib())"
    ).replace("PosixPath", "Path")
    target = ROOT / "by-hand.npy"
    done = subprocess.run([sys.executable, "-c", code, str(target)], check=True, capture_output=True, text=True)
    cpu, peak = map(float, done.stdout.split()[-2:])
    return np.load(target), cpu, peak


def run_job(cube, folder: Path):
    """Return the file that a job makes, its CPU seconds and peak in MiB, and wall seconds."""
    began = time.perf_counter()
    job = cube.create_job()
    job.start_and_wait(**QUICK)
    wall = time.perf_counter() - began
    while "memory" not in (usage := job.describe().get("usage", {})):  # all is known when its child has ended
        time.sleep(0.1)
    paths = job.get_results().download_files(folder)
    data = next(each for each in paths if each.suffix in {".tif", ".nc", ".json"} and each.name != "job-results.json")
    return data, usage["cpu"]["value"], usage["memory"]["value"] / 2**20, wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--days", type=int, default=7305)
    arguments = parser.parse_args()
    scenes, field, zones = ROOT / f"scenes-{arguments.size}", ROOT / f"field-{arguments.days}.zarr", ROOT / "zones.geojson"
    make_scenes(scenes, arguments.size)
    make_field(field, arguments.days)
    zones.write_text(json.dumps(regions()))
    site_folder = ROOT / "site"
    subprocess.run(["rm", "-rf", site_folder], check=True)
    with SiteProcess(make_site(site_folder)) as site:
        (ROOT / "recipe.toml").write_text(RECIPE)
        (ROOT / "token").write_text(site.token)
        for path, collection, more in ((scenes, "scenes", ("--recipe", ROOT / "recipe.toml")), (field, "field", ())):
            done = run_twinlake(
                "ingest", path, "-c", collection, "--create-collection", *more, "--to", site.url, "--token-file", ROOT / "token"
            )
            assert done.returncode == 0, done.stdout + done.stderr
        connection = openeo.connect(site.url)
        connection.authenticate_bearer_token(f"basic//{site.token}")
        print("| work | by | CPU s | peak MiB | Twinlake: CPU s (job, child, libraries) | peak MiB | wall s | ratio of CPU |")
        print("|---|---|--:|--:|--:|--:|--:|--:|")
        measure_ndvi(connection, scenes, arguments.size)
        measure_field(connection, field, zones)
        print()
        measure_map(connection, site, scenes)
        print()
        measure_estimate(connection, arguments.size)


def measure_ndvi(connection, scenes: Path, size: int) -> None:
    cube = connection.load_collection("scenes")
    scl = cube.band("SCL")
    clouds = (scl == 3) | ((scl >= 8) & (scl <= 10))
    median = cube.ndvi(nir="B08", red="B04").mask(clouds).reduce_dimension(dimension="t", reducer="median")
    expected, *hand = cpu_of(ndvi_by_hand, scenes, size)
    saved = median.save_result("GTiff")
    (ROOT / "ndvi.json").write_text(json.dumps(saved.flat_graph()))
    by_dask, *dask = peers.run(ROOT / "peers", "ndvi", scenes, ROOT / "ndvi.json")
    path, cpu, peak, wall = run_job(saved, ROOT / "ndvi")
    with rasterio.open(path) as made:
        found = made.read(1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    there = np.isfinite(np.squeeze(by_dask))  # only where no date is masked: it does not leave gaps out
    np.testing.assert_allclose(found[there], np.squeeze(by_dask)[there], atol=1e-5)
    work = f"NDVI, mask, median: 12 x {size} x {size}"
    print_row(work, "hand: rasterio, numpy, bottleneck", hand, (cpu, peak), wall)
    print_row(work, "openeo-processes-dask", dask, (cpu, peak), wall)


def measure_estimate(connection, size: int) -> None:
    """Validate a graph of 50 steps and estimate it, as a client does; beside it the same graph, built lazily by a peer."""
    cube = connection.load_collection("scenes").ndvi(nir="B08", red="B04")
    for step in range(_STEPS - 4):
        cube = cube.apply(lambda value, step=step: value + step / 100)
    saved = cube.reduce_dimension(dimension="t", reducer="median").save_result("GTiff")
    graph = saved.flat_graph()
    assert len(graph) == _STEPS
    (ROOT / "steps.json").write_text(json.dumps(graph))
    (theirs,), *_ = peers.run(ROOT / "peers", "estimate", 12, size, ROOT / "steps.json")
    job = saved.create_job()

    def validate() -> None:
        assert connection.validate_process_graph(graph) == []

    print("| 50 steps, each with what it calls | milliseconds | openeo-processes-dask, parsed and built lazily | ratio |")
    print("|---|--:|--:|--:|")
    for name, ask in (("validation", validate), ("estimate, which validates, too", job.estimate)):
        ask()
        turns = []
        for _ in range(20):
            began = time.perf_counter()
            ask()
            turns.append((time.perf_counter() - began) * 1e3)
        print(f"| {name}, over HTTP | {np.median(turns):.1f} | {theirs:.1f} | {np.median(turns) / theirs:.2f} |")


def print_row(work: str, peer: str, theirs, ours, wall: float) -> None:
    (their_cpu, their_peak), (cpu, peak) = theirs, ours
    print(
        f"| {work} | {peer} | {their_cpu:.2f} | {their_peak:.0f} | {cpu:.2f} | {peak:.0f} | {wall:.1f} | {cpu / their_cpu:.2f} |"
    )


def measure_field(connection, field: Path, zones: Path) -> None:
    cube = connection.load_collection("field")
    monthly = cube.aggregate_temporal_period("month", reducer="mean")
    last = 2000 + round(xr.open_zarr(field, consolidated=False).sizes["time"] / 365.25) - 1
    normals = monthly.process("climatological_normal", data=monthly, period="month", climatology_period=[2000, last])
    anomalies = monthly.process("anomaly", data=monthly, normals=normals, period="month")
    means = anomalies.process("aggregate_spatial_weighted", data=anomalies, geometries=json.loads(zones.read_text()))
    expected, *theirs = peers.run(ROOT / "peers", "field", field, zones)
    path, cpu, peak, wall = run_job(means.save_result("JSON"), ROOT / "field")
    found = np.array(json.loads(path.read_text())["data"], dtype=float).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    print_row("daily field, anomalies of months, 56 polygons", "xarray, flox, xvec", theirs, (cpu, peak), wall)


def measure_map(connection, site, scenes: Path) -> None:
    """Compare warm tiles with rio-tiler drawing the same expression."""
    from rio_tiler.io import Reader

    first = min(scenes.iterdir())
    cube = connection.load_collection("scenes", temporal_extent=["2024-01-01", "2024-01-02"])
    index = cube.ndvi(nir="B08", red="B04").reduce_dimension(dimension="t", reducer="first")
    colours = {"minimum": -1, "maximum": 1}
    service = connection.create_service(index.flat_graph(), type="XYZ", configuration=colours)
    url = service.describe_service()["url"]
    import httpx2

    with Reader(str(first / "B04.tif")) as reader:
        west, south, east, north = reader.get_geographic_bounds("epsg:4326")
    zoom = 13
    across = [int((lon + 180) / 360 * 2**zoom) for lon in (west, east)]
    down = [int((1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 * 2**zoom) for lat in (north, south)]
    places = [(x, y) for y in range(down[0] + 1, down[1]) for x in range(across[0] + 1, across[1])] or [(across[0], down[0])]
    places = (places * 40)[:40]
    with httpx2.Client() as client:
        client.get(url.format(z=zoom, x=places[0][0], y=places[0][1])).raise_for_status()
        children = [
            each
            for each in psutil.Process(site.process_id).children(recursive=True)
            if "openeo.services.child" in " ".join(each.cmdline())
        ]
        before = sum(sum(each.cpu_times()[:2]) for each in children)
        own = sum(psutil.Process(site.process_id).cpu_times()[:2])
        for x, y in places:
            client.get(url.format(z=zoom, x=x, y=y)).raise_for_status()
        ours = (sum(sum(each.cpu_times()[:2]) for each in children) - before) / len(places)
        gateway = (sum(psutil.Process(site.process_id).cpu_times()[:2]) - own) / len(places)

    def draw(x: int, y: int) -> bytes:
        with Reader(str(first / "B04.tif")) as red, Reader(str(first / "B08.tif")) as nir:
            r, n = red.tile(x, y, zoom), nir.tile(x, y, zoom)
        a, b = r.array.astype("float32"), n.array.astype("float32")
        r.array = (b - a) / (b + a)
        r.rescale(in_range=((-1, 1),))
        return r.render(img_format="PNG")

    draw(*places[0])
    began = resource.getrusage(resource.RUSAGE_SELF)
    for place in places:
        draw(*place)
    ended = resource.getrusage(resource.RUSAGE_SELF)
    peer = (ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime) / len(places)
    print("| warm tile of an NDVI map | rio-tiler, CPU ms | Twinlake, CPU ms (child + gateway) | ratio |")
    print("|---|--:|--:|--:|")
    told = f"{peer * 1e3:.1f} | {ours * 1e3:.1f} + {gateway * 1e3:.1f} | {(ours + gateway) / peer:.2f}"
    print(f"| {len(places)} tiles at zoom {zoom} | {told} |")


if __name__ == "__main__":
    main()
