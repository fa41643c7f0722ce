"""Cubes that hypothesis draws, and how they are cut, written and compared."""

import itertools
import math
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.formats.facts import ResultFacts
from twinlake.processing.openeo.formats.writing import write
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.quantities import Quantity
from twinlake.processing.openeo.values import Values

FACTS = ResultFacts(
    identifier="a1b2",
    title="Wärme",
    graph={"load": {"process_id": "load_stac", "arguments": {"url": "https://a.example/x?sig=hidden", "token": "hidden"}}},
    lineage=({"id": "c/i", "sha256": "00"},),
)
NUMBERS = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")
CALENDARS = ("standard", "noleap", "360_day", "julian", "all_leap")
SHAPES = ("POINT (1 2)", "POLYGON ((0 0, 1 0, 1 1, 0 0))", "LINESTRING (0 0, 3 4)", "MULTIPOINT (1 1, 2 2)")


@st.composite
def spatial(draw, name, crs, *, longest=6):
    count = draw(st.integers(2, longest))
    step = draw(st.sampled_from([1.0, 0.1, 10.0, 1 / 3])) * (-1 if name == "y" and draw(st.booleans()) else 1)
    start = draw(st.sampled_from([0.0, 0.05, 1 / 7, -2.5]))
    return Dimension(name=name, kind="spatial", axis=name, labels=tuple(start + step * n for n in range(count)), crs=crs)


@st.composite
def temporal(draw, calendars=CALENDARS):
    count = draw(st.integers(1, 3))
    year = draw(st.sampled_from([1, 1582, 1970, 2000, 2100]))
    calendar = draw(st.sampled_from(calendars))
    month = draw(st.sampled_from(["-02-01", "-02-28T12:30:00Z", "-12-30T23:59:59.250001Z"]))
    texts = tuple(f"{year + n:04d}{month}" for n in range(count))
    intervals = None
    if draw(st.booleans()):
        intervals = tuple((text, f"{year + n + 1:04d}-01-01T00:00:00Z") for n, text in enumerate(texts))
        if draw(st.booleans()):
            texts = tuple(f"{year + n:04d}-djf" for n in range(count))
    return Dimension(name="t", kind="temporal", labels=texts, calendar=calendar, intervals=intervals)


@st.composite
def bands(draw, counts=(1, 2, 3)):
    labels = draw(st.permutations(["B04", "8A", "temperature", "x", "ndvi"]))[: draw(st.sampled_from(counts))]
    names = draw(st.sampled_from([None, "red"]))
    waves = draw(st.sampled_from([None, 0.1 + 0.2]))
    quantity = draw(
        st.sampled_from([None, Quantity(unit="K", standard_name="air_temperature", cell_methods=(("time", "mean"),))])
    )
    return Dimension(
        name="bands",
        kind="bands",
        labels=tuple(labels),
        common_names=None if names is None else (names, *[None] * (len(labels) - 1)),
        wavelengths=None if waves is None else (waves, *[None] * (len(labels) - 1)),
        quantities=None if quantity is None else (quantity, *[None] * (len(labels) - 1)),
    )


@st.composite
def values(draw, shape, types=NUMBERS):
    dtype = np.dtype(draw(st.sampled_from(types)))
    random = np.random.default_rng(draw(st.integers(0, 999)))
    if dtype.kind == "f":
        data = random.normal(size=shape).astype(dtype)
        special = np.array([np.nan, np.inf, -np.inf, -0.0, np.finfo(dtype).max, np.finfo(dtype).tiny], dtype=dtype)
        data = np.where(random.random(shape) < 0.3, random.choice(special, shape), data)
    elif dtype.kind == "b":
        data = random.random(shape) < 0.5
    else:
        kind = np.iinfo(dtype)
        ends = draw(st.sampled_from([[kind.min, kind.max, 1], [kind.min, 5], [3, kind.max], [1, 2]]))
        data = random.choice(np.array(ends, dtype=dtype), shape)
    valid = draw(st.sampled_from([None, 0.0, 0.3, 1.0]))
    return Values(
        data=np.asarray(data, dtype=dtype),
        valid=None if valid is None else random.random(shape) >= valid,
        nan_is_nodata=dtype.kind == "f" and draw(st.booleans()),
    )


@st.composite
def rasters(draw, *, types=NUMBERS, counts=(1, 2, 3), calendars=CALENDARS, more=False):
    crs = draw(st.sampled_from([32631, 4326, 3035, None]))
    found = [draw(spatial("y", crs)), draw(spatial("x", crs))]
    if draw(st.booleans()):
        found.append(draw(temporal(calendars)))
    if counts is not None and draw(st.booleans()):
        found.append(draw(bands(counts)))
    if more and draw(st.booleans()):
        found.append(Dimension(name="data", labels=draw(st.sampled_from([("a", "ü"), (1, 2), (0.5, 2)]))))
    found = draw(st.permutations(found))
    return Cube(values=draw(values(tuple(len(each.labels) for each in found), types)), dimensions=tuple(found))


@st.composite
def vectors(draw, *, types=NUMBERS, crs=(4326, 32631)):
    labels = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=4))
    found = [Dimension(name="geometries", kind="geometry", labels=tuple(labels), crs=draw(st.sampled_from(crs)))]
    if draw(st.booleans()):
        found.append(draw(temporal(("standard", "360_day"))))
    if draw(st.booleans()):
        found.append(draw(bands()))
    found = draw(st.permutations(found))
    return Cube(values=draw(values(tuple(len(each.labels) for each in found), types)), dimensions=tuple(found))


def hollow(cube):
    """Return the cube without cells along its spatial dimensions, and with a mask if it may have one."""
    nothing = tuple(slice(0, 0) if each.kind == "spatial" else slice(None) for each in cube.dimensions)
    valid = None if cube.values.valid is None else cube.values.valid[nothing]
    return replace(cube, values=replace(cube.values, data=cube.values.data[nothing], valid=valid))


def whole(cube):
    return [({}, cube)]


@st.composite
def cuts(draw, cube):
    """Cut a cube along each dimension at drawn places, row after row."""
    parts = []
    for each in cube.dimensions:
        length = len(each.labels)
        places = sorted({0, length, *draw(st.lists(st.integers(0, length), max_size=2))})
        parts.append([slice(a, b) for a, b in itertools.pairwise(places)])
    return [part(cube, place) for place in itertools.product(*parts)]


def part(cube, place):
    dimensions = tuple(each.take(range(*one.indices(len(each.labels)))) for each, one in zip(cube.dimensions, place, strict=True))
    valid = None if cube.values.valid is None else cube.values.valid[place]
    if valid is not None and valid.all():
        valid = None
    tile = Cube(values=replace(cube.values, data=cube.values.data[place], valid=valid), dimensions=dimensions)
    window = {each.name: one for each, one in zip(cube.dimensions, place, strict=True)}
    return {name: one for name, one in window.items() if one != slice(0, len(cube.dimensions[cube.place(name)].labels))}, tile


def save(cube, tiles, folder, named, **options):
    folder.mkdir(parents=True, exist_ok=True)
    return write(hollow(cube), tiles, format=named, options=options, folder=folder, facts=FACTS)


def contents(folder):
    """Return the bytes of all files below *folder*."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def assert_same_cells(cube, found, there, *, names=None):
    """Compare cells that another library read, which has a mask, along dimensions in the order of *names*."""
    order = [[each.name for each in cube.dimensions].index(name) for name in names or [each.name for each in cube.dimensions]]
    expected = cube.values.data.transpose(order)
    where = cube.values.where().transpose(order)
    if expected.dtype.kind == "f":
        nan = np.isnan(expected)
        assert np.array_equal(there & ~np.isnan(found.astype(float)), where & ~nan)
        where = where & ~nan
    else:
        assert np.array_equal(there, where)
    assert np.array_equal(found[where].astype(expected.dtype), expected[where])
    assert found.shape == expected.shape


def is_nan(value):
    return isinstance(value, float) and math.isnan(value)


def assert_identical(found, cube):
    """Compare all that a cube is: bits of cells, null and NaN, labels and everything known of them."""
    assert found.dimensions == cube.dimensions
    assert [repr(each) for each in found.dimensions] == [repr(each) for each in cube.dimensions], "1 is not 1.0"
    assert found.values.data.dtype == cube.values.data.dtype
    assert found.values.nan_is_nodata == cube.values.nan_is_nodata
    valid = cube.values.valid if cube.values.valid is not None else np.ones(cube.values.data.shape, dtype=bool)
    own = found.values.valid if found.values.valid is not None else np.ones(cube.values.data.shape, dtype=bool)
    assert np.array_equal(own, valid)
    assert found.values.data[valid].tobytes() == cube.values.data[valid].tobytes()
