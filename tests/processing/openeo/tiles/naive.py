"""The steps of `graphs`, written a second time with xarray and nothing of the engine's: slow and plain.

Whatever the type, numbers are kept as float64 with NaN for no data, and truths as 1 and 0; the type stands beside them, and what
has fewer digits is rounded to it after each step. Times are instants at which labels, or periods, begin.
"""

from dataclasses import dataclass

import numpy as np
import shapely
import xarray as xr

from processing.openeo.tiles.graphs import AREA, BOX

_SEASONS = {"djf": "12", "mam": "03", "jja": "06", "son": "09"}
_SMOOTH = [[1, 2, 1], [0, 3, 0], [1, 0, 1], [0, 1, 0], [2, 0, 1]]
_BOOL, _INT64, _FLOAT32, _FLOAT64 = (np.dtype(each) for each in ("bool", "int64", "float32", "float64"))


class NotComparedError(Exception):
    """What comes out depends on the last digit of what goes in, or xarray has nothing like it."""


@dataclass(frozen=True)
class Typed:
    """Numbers and the type that they have."""

    data: xr.DataArray
    dtype: np.dtype

    def __post_init__(self):
        """Round to the type; integers that do not fit are floats."""
        if self.dtype == _INT64 and (abs(self.data) >= 2.0**63).any():
            object.__setattr__(self, "dtype", _FLOAT64)
        if self.dtype == _FLOAT32:
            with np.errstate(over="ignore"):
                object.__setattr__(self, "data", self.data.astype(np.float32).astype(float))


def to_xarray(cube):
    """Return a cube with NaN for no data and instants for times."""
    data = np.where(cube.values.where(), cube.values.data, np.nan).astype(float)
    coords = {each.name: _coordinates(each) for each in cube.dimensions}
    return xr.DataArray(data, dims=[each.name for each in cube.dimensions], coords=coords)


def to_typed(cube):
    """Return a cube with its type."""
    return Typed(to_xarray(cube), cube.values.data.dtype)


def _coordinates(dimension):
    if dimension.kind == "geometry":
        return range(len(dimension.labels))
    if dimension.kind == "spatial":
        return np.round(np.array(dimension.labels, dtype=float), 6)
    if dimension.kind != "temporal" or all(len(each) == 2 for each in dimension.labels):  # months of any year
        return list(dimension.labels)
    return np.array([_start(each) for each in dimension.labels], dtype="datetime64[ns]")


def _start(label):
    year, _, season = label.partition("-")
    return f"{year}-{_SEASONS[season]}" if season in _SEASONS else label.rstrip("Z")


def _months_of(data):
    """Return the months of times, counted from January 1970."""
    return data.t.values.astype("datetime64[M]").astype(int)


def _periods(data, months, reduce):
    """Return one value for each period of so many months from the first to the last; years begin in December for seasons."""
    after = int(months == 3)
    numbers = (_months_of(data) + after) // months
    parts, times = [], []
    for number in range(numbers.min(), numbers.max() + 1):
        parts.append(reduce(data.isel(t=np.flatnonzero(numbers == number))))
        times.append(np.datetime64(int(number * months - after), "M").astype("datetime64[ns]"))
    return xr.concat(parts, dim="t").assign_coords(t=times).transpose(*data.dims)


def _between(data, start, end):
    return data.isel(t=np.flatnonzero((data.t.values >= np.datetime64(start)) & (data.t.values < np.datetime64(end))))


def _halves(data):
    intervals = [("2019-01-01", "2019-02-10"), ("2019-02-05", "2020-02-01"), ("2021-01-01", "2021-02-01")]
    parts = [_between(data, *each).median("t") for each in intervals]
    starts = np.array([start for start, _ in intervals], dtype="datetime64[ns]")
    return xr.concat(parts, dim="t").assign_coords(t=starts).transpose(*data.dims)


def _by_month_of_year(data):
    """Return the mean of each month of 2019 and 2020, of twelve."""
    inside = _between(data, "2019-01-01", "2021-01-01")
    parts = [inside.isel(t=np.flatnonzero(_months_of(inside) % 12 == month)).mean("t") for month in range(12)]
    return xr.concat(parts, dim="t").transpose(*data.dims)


def _normals(data):
    return _by_month_of_year(data).assign_coords(t=[f"{month:02d}" for month in range(1, 13)])


def _area(data):
    area = shapely.geometry.shape({"type": "Polygon", "coordinates": AREA["coordinates"]})
    x, y = np.meshgrid(data.x.values, data.y.values)
    return xr.DataArray(shapely.intersects_xy(area, x, y), dims=("y", "x"), coords={"y": data.y, "x": data.x})


def _within(data):
    inside = _area(data)
    rows, columns = inside.any("x").values, inside.any("y").values
    return data.where(inside).isel(y=rows, x=columns)


def _box(data):
    if "x" not in data.dims:
        raise NotComparedError  # geometries have a place, too
    return data.isel(
        x=np.flatnonzero((data.x.values >= BOX["west"]) & (data.x.values <= BOX["east"])),
        y=np.flatnonzero((data.y.values >= BOX["south"]) & (data.y.values <= BOX["north"])),
    )


def _trim(data):
    there = data.notnull()
    for name in data.dims:
        places = np.flatnonzero(there.any([each for each in data.dims if each != name]))
        if name in {"t", "y", "x"} and places.size:
            places = np.arange(places[0], places[-1] + 1)
        data = data.isel({name: places})
    return data


def _modulo(data, dtype):
    if (dtype.kind == "f" and ((data * 4096) % 1 > 0).any()) or (abs(data) >= 2.0**53).any():
        raise NotComparedError
    return data % 7


def _cumulate(data, name):
    return data.fillna(0).cumsum(name).where(data.notnull())


def _sum(data):
    return data.sum(("y", "x"), skipna=True).where(data.notnull().any(("y", "x")))


def _last(data):
    filled = data.ffill("t")
    return filled.isel(t=-1, drop=True)


def _neighbours(data, weights, mode):
    """Return the weighted sums of pixels and their neighbours; what is not there counts as zero."""
    weights = np.array(weights)
    down, across = (size // 2 for size in weights.shape)
    around = data.fillna(0).transpose(..., "y", "x").values
    around = np.pad(around, [(0, 0)] * (around.ndim - 2) + [(down, down), (across, across)], mode=mode)
    windows = np.lib.stride_tricks.sliding_window_view(around, weights.shape, axis=(-2, -1))
    made = data.transpose(..., "y", "x").copy(data=(windows * weights).sum((-2, -1)) * 0.125)
    return made.transpose(*data.dims)


def _windows(data):
    made = data.coarsen(x=3, y=4, boundary="pad").mean()
    for name, size in (("x", 3), ("y", 4)):
        labels = data[name].values
        middles = labels[0] + (labels[1] - labels[0]) * (np.arange(made.sizes[name]) * size + (size - 1) / 2)
        made = made.assign_coords({name: middles})
    return made


def _fields(data):
    inside = _area(data)
    return _cumulate(data.where(inside), "channels" if "channels" in data.dims else "bands")


def _zones(data):
    place = min(data.dims.index("x"), data.dims.index("y"))
    made = data.where(_area(data)).mean(("y", "x")).expand_dims(geometries=[0])
    others = [each for each in data.dims if each not in {"x", "y"}]
    return made.transpose(*others[:place], "geometries", *others[place:])


def _grid(labels, size):
    """Return the middles of pixels of another size between the outer borders of an axis, from west and from north, and its step."""
    step = labels[1] - labels[0]
    border = labels[0] - step / 2
    length = abs(step) * len(labels)
    count = max(1, int(np.floor(length / size + 0.5 - 1e-6)))
    return border + np.sign(step) * size * (np.arange(count) + 0.5), step


def _nearest(data):
    for name in ("y", "x"):
        labels, step = _grid(data[name].values, 31)
        places = np.floor((labels - data[name].values[0]) / step + 0.5).astype(int)
        data = data.isel({name: places}).assign_coords({name: labels})
    return data


def _resampled(data, size, weigh, is_there):
    """Return the mean of pixels by weights along y times those along x, of shape (target, source)."""
    values = data.transpose(..., "y", "x")
    labels, weights = {}, {}
    for name in ("y", "x"):
        labels[name], step = _grid(data[name].values, size)
        places = (labels[name] - data[name].values[0]) / step
        weights[name] = weigh(places[:, None], np.arange(data.sizes[name]), size / abs(step))
    parts = [
        np.einsum("ay,...yx,bx->...ab", weights["y"], each, weights["x"], optimize=True)
        for each in (values.fillna(0).values, values.notnull().values.astype(float))
    ]
    with np.errstate(all="ignore"):
        made = parts[0] / parts[1]
    there = is_there(data, parts[1], labels)
    coords = {name: labels.get(name, data[name].values) for name in values.dims}
    return xr.DataArray(np.where(there, made, np.nan), dims=values.dims, coords=coords).transpose(*data.dims)


def _coarser(data):
    def overlap(places, numbers, size):
        return np.clip(np.minimum(places + size / 2, numbers + 0.5) - np.maximum(places - size / 2, numbers - 0.5), 0, None)

    return _resampled(data, 50, overlap, lambda _, weight, __: weight > 1e-6)


def _finer(data):
    def closeness(places, numbers, _):
        return np.clip(1 - np.abs(places - numbers), 0, None)

    def nearest_is_there(data, _, labels):
        return data.transpose(..., "y", "x").sel(y=labels["y"], x=labels["x"], method="nearest").notnull().values

    return _resampled(data, 13, closeness, nearest_is_there)


def _same(dtype):
    return dtype


def _wide(dtype):
    return dtype if dtype.kind == "f" else _INT64


def _divided(dtype):
    return dtype if dtype.kind == "f" else _FLOAT32 if dtype.itemsize <= 2 else _FLOAT64


def _averaged(dtype):
    return dtype if dtype.kind == "f" else _FLOAT64


def _truth(_):
    return _BOOL


def _counted(_):
    return _INT64


NAIVE = {
    "scale": (lambda data: data * 1.5, _divided),
    "large": (lambda data: data * 2.0**62, _wide),
    "quarter": (lambda data: data / 4, _divided),
    "above": (lambda data: (data > 20.3717).where(data.notnull()), _truth),
    "below": (lambda data: (data < 40.3717).where(data.notnull()), _truth),
    "not": (lambda data: 1 - data, _truth),
    "box": (_box, _same),
    "year": (lambda data: _between(data, "2019-02-01", "2020-12-31"), _same),
    "bands": (lambda data: data.sel({"channels" if "channels" in data.dims else "bands": ["B08", "B02"]}), _same),
    "area": (lambda data: data.where(_area(data)), _same),
    "within": (_within, _same),
    "cumulate": (lambda data: _cumulate(data, "t"), _wide),
    "months": (lambda data: _periods(data, 1, lambda part: part.mean("t")), _averaged),
    "seasons": (lambda data: _periods(data, 3, lambda part: part.count("t").astype(float)), _counted),
    "halves": (_halves, _divided),
    "trim": (_trim, _same),
    "rename": (lambda data: data.rename(bands="channels"), _same),
    "add": (lambda data: data.expand_dims(run=["first"]), _same),
    "smooth": (lambda data: _neighbours(data, _SMOOTH, "symmetric"), _divided),
    "windows": (_windows, _averaged),
    # One pixel of overlap is all that the kernel reaches: the patches are the whole.
    "patches": (lambda data: _neighbours(data, [[1, 2, 3]], "constant"), _divided),
    "fields": (_fields, _wide),
    "nearest": (_nearest, _same),
    "coarser": (_coarser, _divided),
    "finer": (_finer, _divided),
    "normals": (_normals, _averaged),
    "mean": (lambda data: data.mean("t"), _averaged),
    "last": (_last, _same),
    "largest": (lambda data: data.max("bands"), _same),
    "ever": (lambda data: data.fillna(0).max("t"), _truth),
    "pixels": (_sum, _wide),
    "rows": (lambda data: data.std("y", ddof=1), _averaged),
    "zones": (_zones, _averaged),
}


def _merge(one, other, resolve, dtype):
    """Return two merged: what both have labels for is resolved, to a type."""
    if len({each.data.t.dtype.kind for each in (one, other) if "t" in each.data.dims}) > 1:
        raise NotComparedError  # months of any year beside times
    first, second = xr.align(one.data, other.data, join="outer")
    is_in_first = xr.align(xr.ones_like(one.data, dtype=bool), first, join="right", fill_value=False)[0]
    is_in_second = xr.align(xr.ones_like(other.data, dtype=bool), second, join="right", fill_value=False)[0]
    both = is_in_first & is_in_second
    merged = xr.where(both, resolve(first, second), xr.where(is_in_first, first, second))
    dims = one.data.dims if len(one.data.dims) >= len(other.data.dims) else other.data.dims
    merged = merged.transpose(*dims, ...)
    # xarray sorts the labels of a union.
    for name in {"bands", "channels"} & {*one.data.dims} & {*other.data.dims}:
        merged = merged.sel({name: list(dict.fromkeys([*one.data[name].values, *other.data[name].values]))})
    types = [] if bool(both.all()) else [one.dtype, other.dtype]
    types += [dtype] if bool(both.any()) else []
    return Typed(merged.sortby("y", ascending=False) if "y" in merged.dims else merged, np.result_type(*types))


def _subtract(one, other):
    floats = [_divided(each.dtype) for each in (one, other)]
    is_whole = one.dtype.kind == other.dtype.kind == "i"
    return _merge(one, other, lambda x, y: x - y, _INT64 if is_whole else np.result_type(*floats))


def _both(x, y):
    return xr.where((x == 0) | (y == 0), 0.0, xr.where((x == 1) & (y == 1), 1.0, np.nan))


def _either(x, y):
    return xr.where((x == 1) | (y == 1), 1.0, xr.where((x == 0) & (y == 0), 0.0, np.nan))


def _mask(one, other):
    """Return one cube without what is masked by another."""
    masked = (other.data.fillna(0) != 0).broadcast_like(one.data).transpose(*one.data.dims)
    return Typed(one.data.where(~masked), one.dtype)


def _anomaly(one, _):
    normals = _by_month_of_year(one.data)
    months = _months_of(one.data) % 12
    # The normals are rounded before they are subtracted.
    normals = Typed(normals, _averaged(one.dtype)).data.isel(t=months).assign_coords(t=one.data.t)
    return Typed(one.data - normals, _averaged(one.dtype))


NAIVE_TWO = {
    "difference": _subtract,
    "both": lambda one, other: _merge(one, other, _both, _BOOL),
    "either": lambda one, other: _merge(one, other, _either, _BOOL),
    "mask": _mask,
    "anomaly": _anomaly,
}

_LONG = {"halves", "seasons"}
_OF_PERIODS = {"months", "seasons", "normals", "anomaly"}


def compute(nodes, loaded):
    """Return what the last of *nodes* makes.

    Raises
    ------
    NotComparedError
        This cannot tell what they make.
    """
    made, long = dict(loaded), set()
    for name, node in nodes.items():
        step = name.rstrip("0123456789")
        sources = [each["from_node"] for each in node["arguments"].values() if isinstance(each, dict) and "from_node" in each]
        if step in _OF_PERIODS and not long.isdisjoint(sources):
            raise NotComparedError  # what has bounds is where its middle is, and here only beginnings are known
        if step in _LONG or not long.isdisjoint(sources):
            long.add(name)
        used = [made[each] for each in sources]
        if step in NAIVE_TWO:
            made[name] = NAIVE_TWO[step](*used)
            continue
        (given,) = used
        if step == "round":
            made[name] = Typed(_modulo(given.data, given.dtype), _wide(given.dtype))
        else:
            function, type_of = NAIVE[step]
            made[name] = Typed(function(given.data), type_of(given.dtype))
    return made[list(nodes)[-1]]
