"""The chapters in which openEO's own client computes next to the data: while one waits, in batch jobs, and as a map."""

import io
import math
import re
import time
from calendar import month_name
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2

from twinlake.cli.demo.narrator import Figures, Narrator, StepFailedError
from twinlake.cli.demo.visiting import Visitor
from twinlake.core.documents import JsonObject
from twinlake.core.errors import NotFoundError

if TYPE_CHECKING:
    from openeo.rest.connection import Connection
    from openeo.rest.datacube import DataCube
    from openeo.rest.job import BatchJob

_DEVICE_SECONDS = 60.0
_LOOK_SECONDS = 0.2
_USAGE_SECONDS = 15.0
_KILOBYTE, _MEGABYTE = 1e3, 1e6
_KELVIN = 273.15
_NINO_34: JsonObject = {"type": "Polygon", "coordinates": [[[-170, -5], [-120, -5], [-120, 5], [-170, 5], [-170, -5]]]}
"""Where the index of El Niño is measured (Trenberth 1997, doi:10.1175/1520-0477(1997)078<2771:TDOENO>2.0.CO;2)."""
_YEARS = [2006, 2010]
"""Those of the demonstration's sea surface temperature."""
_REGIONS = ("Canada", "United States of America", "Mexico")
_LAST_YEAR = "2099"
_COLOURS = ["#8c510a", "#f6e8c3", "#01665e"]
_SHOWN = (2, 98)
"""Percentiles of the vegetation's index that are the ends of its colours: the place is a steppe."""
_ZOOM = 12


@contextmanager
def explained(log: Path) -> Generator[None]:
    """Turn what openEO's client raises within into the failure of the step; *log* is where the site says more.

    Raises
    ------
    NotFoundError
        The client is not installed.
    StepFailedError
        It was refused, or got no answer.
    """
    if find_spec("openeo") is None:
        raise NotFoundError(
            "The package openeo, with which the demonstration computes, is not installed.", remedy="Run: make setup"
        )
    import requests
    from openeo.rest import OpenEoClientException

    try:
        yield
    except (OpenEoClientException, requests.RequestException) as error:
        raise StepFailedError(f"{error}\nThe site's log says more: {log}") from error


def sign_in(visitor: Visitor, url: str, narrator: Narrator, figures: Figures) -> "Connection":
    """Return the client of the site at *url*, which the visitor has let in from the browser."""
    from openeo.rest.connection import connect

    connection = connect(url)
    shown: list[str] = []

    def show(text: str) -> None:
        if shown or not (found := re.search(r"http\S+user_code=[\w-]+", text)):
            return
        shown.append(found[0])
        narrator.say(f"the client shows {found[0]}")
        visitor.let_in(found[0])

    with narrator.busy("waiting for the client to look"):
        connection.authenticate_oidc_device(display=show, max_poll_time=_DEVICE_SECONDS)
    name = connection.describe_account()["name"]
    narrator.say(f"the researcher lets it in, without a password; it works for {name}")
    figures.update(name=name, processes=len(connection.list_processes()))
    return connection


def enter(url: str, token: str) -> "Connection":
    """Return the client of another site, with the token that the researcher has there."""
    from openeo.rest.connection import connect

    return connect(url).authenticate_oidc_access_token(token)


def measure_el_nino(connection: "Connection", narrator: Narrator, figures: Figures) -> None:
    """Compute the climatology and the anomalies of the Pacific while the client waits."""
    temperature = connection.load_collection("sea-surface-temperature")
    period = {"data": temperature, "period": "month"}
    normals = temperature.process("climatological_normal", {**period, "climatology_period": _YEARS})
    anomalies = temperature.process("anomaly", {**period, "normals": normals})
    began = time.monotonic()
    with narrator.busy("computing"):
        usual, found = _compute_series(normals), _compute_series(anomalies)
    seconds = time.monotonic() - began
    months = sorted(usual, key=usual.__getitem__)
    coldest, warmest = (f"{usual[month] - _KELVIN:.1f} °C in {month_name[int(month)]}" for month in (months[0], months[-1]))
    low, high = min(found, key=found.__getitem__), max(found, key=found.__getitem__)
    narrator.say(f"climatology of Niño 3.4, 5° S to 5° N and 170° to 120° W: from {coldest} to {warmest}")
    narrator.say(f"anomalies: {found[high]:+.2f} K in {high[:7]}, an El Niño; {found[low]:+.2f} K in {low[:7]}, a La Niña")
    narrator.say(f"{len(found)} months in {seconds:.1f} s, each cell weighted by its area")
    figures.update(months=len(found), warmest=[high[:7], round(found[high], 4)], coolest=[low[:7], round(found[low], 4)])


def _mean_over(cube: "DataCube", regions: JsonObject, **more: str) -> "DataCube":
    arguments = {"data": cube, "geometries": regions, "weights": "area", "statistic": "mean", **more}
    return cube.process("aggregate_spatial_weighted", arguments)


def _compute_series(cube: "DataCube") -> dict[str, float]:
    """Return the means of where El Niño is measured, by their times."""
    result: Any = _mean_over(cube, _NINO_34).execute()
    return {time: values[0][0] for time, values in zip(result["dimensions"]["t"]["values"], result["data"], strict=True)}


def compare_scenarios(connection: "Connection", items: Iterable[JsonObject], narrator: Narrator, figures: Figures) -> None:
    """Have the site that holds both projections compute how much warmer one is than the other, country by country."""
    from openeo.rest.graph_building import collection_property

    growth, mitigation = (
        connection.load_collection("climate-projections", properties=[collection_property("twinlake:scenario") == scenario])
        for scenario in ("A1B", "E1")
    )
    regions = _find_countries(items)
    wanted = _mean_over(growth - mitigation, regions, target_dimension="told")
    job = wanted.create_job(out_format="JSON", title="A1B minus E1")
    _tell_estimate(job, narrator)
    used = do_job(job, narrator)
    result = job.get_results().get_asset().load_json()
    times = result["dimensions"]["t"]["values"]
    (last,) = [values[0] for time, values in zip(times, result["data"], strict=True) if time.startswith(_LAST_YEAR)]
    narrator.say(f"{len(times)} years; A1B is warmer than E1 in {_LAST_YEAR}, each cell weighted by its area within the country:")
    for region, (warmer, covered) in zip(regions["features"], last, strict=True):
        name = region["properties"]["name"]
        narrator.say(f"  {name:25} {warmer:+.2f} K, {covered:.0%} of it on the grid")
        figures[name] = round(warmer, 4)
    _tell_usage(used, narrator)
    figures.update(years=len(times), cpu_seconds=used["cpu"]["value"])


def _find_countries(items: Iterable[JsonObject]) -> JsonObject:
    """Return the regions, as the lake has them."""
    (href,) = [item["assets"]["data"]["href"] for item in items if item["collection"] == "natural-earth"]
    answer = httpx2.get(href)
    if answer.is_error:
        raise StepFailedError(f"{href} answered {answer.status_code}: {answer.text[:200]}")
    by_name = {feature["properties"]["name"]: feature for feature in answer.json()["features"]}
    return {"type": "FeatureCollection", "features": [by_name[name] for name in _REGIONS]}


def map_vegetation(connection: "Connection", target: Path, narrator: Narrator, figures: Figures) -> None:
    """Have an index of vegetation computed as a file, which goes to *target*, and as a map of tiles."""
    import numpy as np
    import rasterio

    index = connection.load_collection("sentinel-2").ndvi()
    job = index.create_job(out_format="GTiff", title="NDVI of Patagonia")
    _tell_estimate(job, narrator)
    used = do_job(job, narrator)
    job.get_results().get_asset().download(target)
    with rasterio.open(target) as file:
        values = file.read(1, masked=True)
    lowest, highest = (round(float(each), 2) for each in np.percentile(values.compressed(), _SHOWN))
    narrator.say(f"NDVI {values.min():.2f} to {values.max():.2f}, mean {values.mean():.3f}; {values.size} pixels in {target}")
    _tell_usage(used, narrator)
    figures.update(mean=round(float(values.mean()), 6), pixels=values.size, cpu_seconds=used["cpu"]["value"])
    service = connection.create_service(
        index.flat_graph(),
        type="XYZ",
        title="NDVI of Patagonia",
        configuration={"minimum": lowest, "maximum": highest, "palette": _COLOURS},
    )
    address = service.describe_service()["url"]  # type: ignore[no-untyped-call]
    [west, south, east, north] = connection.describe_collection("sentinel-2")["extent"]["spatial"]["bbox"][0]
    x, y = _find_tile((west + east) / 2, (south + north) / 2)
    narrator.say(f"as a map: {address}")
    with narrator.busy("drawing"):
        painted = _count_painted(address.format(z=_ZOOM, x=x, y=y))
    narrator.say(f"its tile {_ZOOM}/{x}/{y} is drawn; {painted} of 65536 pixels have a colour")
    figures.update(map=address, painted=painted)


def _find_tile(longitude: float, latitude: float) -> tuple[int, int]:
    """Return column and row of the tile with a place (Web Mercator, EPSG:3857)."""
    down = (1 - math.asinh(math.tan(math.radians(latitude))) / math.pi) / 2
    return int((longitude + 180) / 360 * 2**_ZOOM), int(down * 2**_ZOOM)


def _count_painted(url: str) -> int:
    """Return how many pixels of the picture at *url* are no holes.

    Raises
    ------
    StepFailedError
        It is no picture, or there are none.
    """
    from PIL import Image

    answer = httpx2.get(url, timeout=_DEVICE_SECONDS)
    if answer.is_error:
        raise StepFailedError(f"{url} answered {answer.status_code}: {answer.text[:200]}")
    with Image.open(io.BytesIO(answer.content)) as picture:
        painted = sum(picture.convert("RGBA").getchannel("A").histogram()[1:])
    if not painted:
        raise StepFailedError(f"{url} is empty.")
    return painted


def _tell_estimate(job: "BatchJob", narrator: Narrator) -> None:
    told = job.estimate()
    read = told["twinlake:estimate"]["read_bytes"] / _MEGABYTE
    duration = told["duration"].removeprefix("PT").replace("S", " s")
    narrator.say(f"estimated: {duration}, {read:.1f} MB to read, a result of {told['size'] / _KILOBYTE:.0f} kB")


def _tell_usage(used: JsonObject, narrator: Narrator) -> None:
    cpu, memory, duration = (used[name]["value"] for name in ("cpu", "memory", "duration"))
    narrator.say(f"used: {duration:.1f} s, {cpu:.1f} s of a CPU, {memory / _MEGABYTE:.0f} MB of memory")


def do_job(job: "BatchJob", narrator: Narrator) -> JsonObject:
    """Have a job done; return what it used.

    Raises
    ------
    StepFailedError
        It did not come to a good end.
    """
    with narrator.busy(f"job {job.job_id}"):
        job.start_and_wait(print=lambda _: None, max_poll_interval=_LOOK_SECONDS, require_success=False)
        deadline = time.monotonic() + _USAGE_SECONDS
        while True:
            told: JsonObject = job.describe()
            if told["status"] != "finished":
                reasons = "; ".join(entry["message"] for entry in job.logs(level="error"))
                raise StepFailedError(f"{told['title']}: the job did not succeed ({told['status']}). {reasons}")
            used: JsonObject = told.get("usage", {})
            if "twinlake:note" in told:  # an equal result was there
                return {name: {"value": 0.0} for name in ("cpu", "memory", "duration")}
            if "memory" in used:  # when its process has ended
                return used
            if time.monotonic() > deadline:
                raise StepFailedError(f"{told['title']}: the job is finished, and the site does not say what it used.")
            time.sleep(_LOOK_SECONDS)
