"""The steps of `graphs`, written a second time with xarray and nothing of the engine: slow, plain, in float64.

Times are instants at which labels, or periods, begin.
"""

import numpy as np
import shapely
import xarray as xr

from processing.openeo.tiles.graphs import AREA, BOX
from twinlake.processing.openeo.shapes.periods import PERIODS
from twinlake.processing.openeo.shapes.times import DAY, day_number, read_starts

_EPOCH = day_number(1970, 1, 1, "standard") * DAY
_SEASONS = {"djf": 12, "mam": 3, "jja": 6, "son": 9}


def to_xarray(cube):
    """Return a cube with NaN for no data and instants for times."""
    data = np.where(cube.values.where(), cube.values.data, np.nan).astype(float)
    coords = {each.name: _coordinates(each) for each in cube.dimensions}
    return xr.DataArray(data, dims=[each.name for each in cube.dimensions], coords=coords)


def _coordinates(dimension):
    if dimension.kind != "temporal":
        return list(dimension.labels)
    starts = [_start(dimension, number) for number in range(len(dimension.labels))]
    return (np.array(starts, dtype=np.int64) - _EPOCH).astype("datetime64[us]").astype("datetime64[ns]")


def _start(dimension, number):
    year, _, season = str(dimension.labels[number]).partition("-")
    if season in _SEASONS:
        return day_number(int(year), _SEASONS[season], 1, "standard") * DAY
    return read_starts(dimension.take([number]))[0]


def _periods(data, kind, reduce):
    """Return one value for each period from the first to the last."""
    period = PERIODS[kind]
    starts = [int(each) + _EPOCH for each in data.t.values.astype("datetime64[us]").astype(np.int64)]
    numbers = np.array([period.number(each, "standard") for each in starts])
    parts, times = [], []
    for number in range(numbers.min(), numbers.max() + 1):
        parts.append(reduce(data.isel(t=np.flatnonzero(numbers == number))))
        times.append(np.datetime64(period.start(number, "standard") - _EPOCH, "us").astype("datetime64[ns]"))
    made = xr.concat(parts, dim="t").assign_coords(t=times)
    return made.transpose(*data.dims)


def _area(data):
    area = shapely.geometry.shape({"type": "Polygon", "coordinates": AREA["coordinates"]})
    x, y = np.meshgrid(data.x.values, data.y.values)
    return xr.DataArray(shapely.intersects_xy(area, x, y), dims=("y", "x"), coords={"y": data.y, "x": data.x})


def _within(data):
    inside = _area(data)
    rows, columns = inside.any("x").values, inside.any("y").values
    return data.where(inside).isel(y=rows, x=columns)


def _box(data):
    return data.isel(
        x=np.flatnonzero((data.x.values >= BOX["west"]) & (data.x.values <= BOX["east"])),
        y=np.flatnonzero((data.y.values >= BOX["south"]) & (data.y.values <= BOX["north"])),
    )


def _year(data):
    return data.isel(
        t=np.flatnonzero((data.t.values >= np.datetime64("2019-02-01")) & (data.t.values < np.datetime64("2020-12-31")))
    )


def _sum(data):
    return data.sum(("y", "x"), skipna=True).where(data.notnull().any(("y", "x")))


def _last(data):
    filled = data.ffill("t")
    return filled.isel(t=-1, drop=True)


NAIVE = {
    "scale": lambda data: data * 1.5,
    "round": lambda data: data % 7,
    "box": _box,
    "year": _year,
    "bands": lambda data: data.sel({"channels" if "channels" in data.dims else "bands": ["B08", "B02"]}),
    "area": lambda data: data.where(_area(data)),
    "within": _within,
    "cumulate": lambda data: data.fillna(0).cumsum("t").where(data.notnull()),
    "months": lambda data: _periods(data, "month", lambda part: part.mean("t")),
    "seasons": lambda data: _periods(data, "season", lambda part: part.count("t").astype(float)),
    "rename": lambda data: data.rename(bands="channels"),
    "add": lambda data: data.expand_dims(run=["first"]),
    "mean": lambda data: data.mean("t"),
    "last": _last,
    "largest": lambda data: data.max("bands"),
    "pixels": _sum,
    "rows": lambda data: data.std("y", ddof=1),
}


def difference(one, other):
    """Return two merged: what both have labels for is subtracted."""
    first, second = xr.align(one, other, join="outer")
    is_in_first = xr.align(xr.ones_like(one, dtype=bool), first, join="right", fill_value=False)[0]
    is_in_second = xr.align(xr.ones_like(other, dtype=bool), second, join="right", fill_value=False)[0]
    merged = xr.where(is_in_first & is_in_second, first - second, xr.where(is_in_first, first, second))
    dims = one.dims if len(one.dims) >= len(other.dims) else other.dims
    merged = merged.transpose(*dims, ...)
    # xarray sorts the labels of a union.
    for name in {"bands", "channels"} & {*one.dims} & {*other.dims}:
        merged = merged.sel({name: list(dict.fromkeys([*one[name].values, *other[name].values]))})
    return merged.sortby("y", ascending=False) if "y" in merged.dims else merged


def mask(one, other):
    """Return one cube without what is masked by another."""
    masked = (other.fillna(0) != 0).broadcast_like(one).transpose(*one.dims)
    return one.where(~masked)


NAIVE_TWO = {"difference": difference, "mask": mask}


def compute(nodes, loaded):
    """Return what the last of *nodes* makes."""
    made = dict(loaded)
    for name, node in nodes.items():
        step = name.rstrip("0123456789")
        if step in NAIVE:
            made[name] = NAIVE[step](made[node["arguments"]["data"]["from_node"]])
        elif step in NAIVE_TWO:
            one, other = (each["from_node"] for each in node["arguments"].values() if "from_node" in each)
            made[name] = NAIVE_TWO[step](made[one], made[other])
    return made[list(nodes)[-1]]
