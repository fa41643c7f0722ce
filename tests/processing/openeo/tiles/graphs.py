"""Random graphs over the cubes of `sources`."""

from hypothesis import strategies as st

LOADED = "loaded"
OTHER = "other"
AREA = {
    "type": "Polygon",
    "coordinates": [[[500_210.0, 4_999_790.0], [501_300.0, 4_999_500.0], [500_900.0, 4_998_900.0], [500_210.0, 4_999_790.0]]],
    "crs": {"type": "name", "properties": {"name": "EPSG:32631"}},
}
BOX = {"west": 500_190, "south": 4_998_950, "east": 501_400, "north": 4_999_800, "crs": 32631}


def node(process, /, **arguments):
    """Return a node."""
    return {"process_id": process, "arguments": arguments}


def of(name):
    """Return the result of a node as an argument."""
    return {"from_node": name}


def callback(process, /, **arguments):
    """Return the graph of one node as an argument."""
    return {"process_graph": {"n": {"process_id": process, "arguments": arguments, "result": True}}}


def reducer(process):
    """Return the graph that reduces an array."""
    return callback(process, data={"from_parameter": "data"})


DATA = {"from_parameter": "data"}
_STEPS = {
    # of cubes with all four dimensions, which stay
    "scale": lambda data: node("apply", data=data, process=callback("multiply", x={"from_parameter": "x"}, y=1.5)),
    "round": lambda data: node("apply", data=data, process=callback("mod", x={"from_parameter": "x"}, y=7)),
    "large": lambda data: node("apply", data=data, process=callback("multiply", x={"from_parameter": "x"}, y=2**62)),
    "quarter": lambda data: node("apply", data=data, process=callback("divide", x={"from_parameter": "x"}, y=4)),
    "above": lambda data: node("apply", data=data, process=callback("gt", x={"from_parameter": "x"}, y=20.3717)),
    "below": lambda data: node("apply", data=data, process=callback("lt", x={"from_parameter": "x"}, y=40.3717)),
    "not": lambda data: node("apply", data=data, process=callback("not", x={"from_parameter": "x"})),
    "box": lambda data: node("filter_bbox", data=data, extent=BOX),
    "year": lambda data: node("filter_temporal", data=data, extent=["2019-02-01", "2020-12-31"]),
    "bands": lambda data: node("filter_bands", data=data, bands=["B08", "B02"]),
    "area": lambda data: node("mask_polygon", data=data, mask=AREA),
    "within": lambda data: node("filter_spatial", data=data, geometries=AREA),
    "cumulate": lambda data: node("apply_dimension", data=data, dimension="t", process=reducer("cumsum")),
    "months": lambda data: node("aggregate_temporal_period", data=data, period="month", reducer=reducer("mean")),
    "seasons": lambda data: node("aggregate_temporal_period", data=data, period="season", reducer=reducer("count")),
    "halves": lambda data: node(
        "aggregate_temporal",
        data=data,
        intervals=[["2019-01-01", "2019-02-10"], ["2019-02-05", "2020-02-01"], ["2021-01-01", "2021-02-01"]],
        reducer=reducer("median"),
    ),
    "trim": lambda data: node("trim_cube", data=data),
    "rename": lambda data: node("rename_dimension", data=data, source="bands", target="channels"),
    "add": lambda data: node("add_dimension", data=data, name="run", label="first"),
    "smooth": lambda data: node(
        "apply_kernel", data=data, kernel=[[1, 2, 1], [0, 3, 0], [1, 0, 1], [0, 1, 0], [2, 0, 1]], factor=0.125, border="reflect"
    ),
    "windows": lambda data: node("aggregate_spatial_window", data=data, size=[3, 4], reducer=reducer("mean")),
    "patches": lambda data: node(
        "apply_neighborhood",
        data=data,
        size=[{"dimension": "x", "value": 20, "unit": "px"}, {"dimension": "y", "value": 9, "unit": "px"}],
        overlap=[{"dimension": "x", "value": 1, "unit": "px"}],
        process=callback("apply_kernel", data=DATA, kernel=[[1, 2, 3]], factor=0.125),
    ),
    "fields": lambda data: node(
        "apply_polygon",
        data=data,
        geometries=AREA,
        process=callback("apply_dimension", data=DATA, dimension="bands", process=reducer("cumsum")),
    ),
    "coarser": lambda data: node("resample_spatial", data=data, resolution=50, method="average"),
    "nearest": lambda data: node("resample_spatial", data=data, resolution=31, method="near"),
    "finer": lambda data: node("resample_spatial", data=data, resolution=13, method="bilinear"),
    "normals": lambda data: node("climatological_normal", data=data, period="month", climatology_period=[2019, 2020]),
    # of cubes that lose one
    "mean": lambda data: node("reduce_dimension", data=data, dimension="t", reducer=reducer("mean")),
    "last": lambda data: node("reduce_dimension", data=data, dimension="t", reducer=reducer("last")),
    "largest": lambda data: node("reduce_dimension", data=data, dimension="bands", reducer=reducer("max")),
    "pixels": lambda data: node("reduce_spatial", data=data, reducer=reducer("sum")),
    "rows": lambda data: node("reduce_dimension", data=data, dimension="y", reducer=reducer("sd")),
    "ever": lambda data: node("reduce_dimension", data=data, dimension="t", reducer=reducer("any")),
    "zones": lambda data: node("aggregate_spatial", data=data, geometries=AREA, reducer=reducer("mean")),
}
ANOMALY = "anomaly"
"""Two nodes: what is left of a cube without its own normals."""
ALL_STEPS = (*sorted(_STEPS), ANOMALY)
_COMPARING = frozenset({"above", "below"})
_OF_TRUTHS = frozenset({"not", "ever"})
_OF_NUMBERS = frozenset(
    {
        "scale",
        "round",
        "large",
        "quarter",
        "cumulate",
        "months",
        "halves",
        "windows",
        "fields",
        "coarser",
        "finer",
        "normals",
        "mean",
    }
    | {"largest", "pixels", "rows", "zones", ANOMALY, *_COMPARING}
)
"""Others take numbers and truths."""
_MAKES_NUMBERS = frozenset({"seasons", "smooth", "patches"})


def _resolved(one, other, process):
    resolver = callback(process, x={"from_parameter": "x"}, y={"from_parameter": "y"})
    return node("merge_cubes", cube1=one, cube2=other, overlap_resolver=resolver)


_TWO = {
    "difference": lambda one, other: _resolved(one, other, "subtract"),
    "both": lambda one, other: _resolved(one, other, "and"),
    "either": lambda one, other: _resolved(one, other, "or"),
    "mask": lambda one, other: node("mask", data=one, mask=other),
    "grid": lambda one, other: node("resample_cube_spatial", data=one, target=other, method="cubic"),
}


ALL_JOINS = tuple(sorted(_TWO))


@st.composite
def graphs(draw, steps=ALL_STEPS, joins=ALL_JOINS):
    """Draw the nodes of a graph without those that load: chains of *steps* that come together.

    Numbers are compared before there is logic, and what takes numbers alone is given no truths.
    """
    nodes = {}
    truths = set()

    def add(kind, made, *, is_truth):
        number = f"{kind}{len(nodes)}"
        nodes[number] = made
        truths.update({number} if is_truth else ())
        return number

    def follow(name, step):
        if step == ANOMALY:
            normals = add("normals", _STEPS["normals"](of(name)), is_truth=False)
            made = node("anomaly", data=of(name), normals=of(normals), period="month")
        else:
            made = _STEPS[step](of(name))
        return add(step, made, is_truth=step in _COMPARING or (name in truths and step not in _MAKES_NUMBERS))

    def chain(name, length):
        for _ in range(draw(st.integers(0, length))):
            refused = _OF_NUMBERS if name in truths else _OF_TRUTHS
            name = follow(name, draw(st.sampled_from([each for each in steps if each not in refused])))
        return name

    first = chain(LOADED, 3)
    if draw(st.booleans()):
        second = chain(draw(st.sampled_from([LOADED, OTHER, first])), 2)
        if first in truths and second not in truths:
            second = follow(second, "below")
        refused = {"difference", "grid"} if second in truths else {"both", "either"}
        if first not in truths and second in truths:
            refused |= {"both", "either"}
        kind = draw(st.sampled_from([each for each in joins if each not in refused]))
        first = add(kind, _TWO[kind](of(first), of(second)), is_truth=first in truths)
    chain(first, 2)
    if not nodes:
        nodes["scale"] = _STEPS["scale"](of(LOADED))
    return nodes
