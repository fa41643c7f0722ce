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
        "apply_kernel", data=data, kernel=[[1, 2, 1], [0, 3, 0], [1, 0, 1], [0, 1, 0], [2, 0, 1]], factor=0.1, border="reflect"
    ),
    "windows": lambda data: node("aggregate_spatial_window", data=data, size=[3, 4], reducer=reducer("mean")),
    "patches": lambda data: node(
        "apply_neighborhood",
        data=data,
        size=[{"dimension": "x", "value": 20, "unit": "px"}, {"dimension": "y", "value": 9, "unit": "px"}],
        overlap=[{"dimension": "x", "value": 1, "unit": "px"}],
        process=callback("apply_kernel", data=DATA, kernel=[[1, 2, 3]], factor=0.1),
    ),
    "fields": lambda data: node(
        "apply_polygon",
        data=data,
        geometries=AREA,
        process=callback("apply_dimension", data=DATA, dimension="bands", process=reducer("cumsum")),
    ),
    "coarser": lambda data: node("resample_spatial", data=data, resolution=50, method="average"),
    "finer": lambda data: node("resample_spatial", data=data, resolution=13, method="bilinear"),
    # of cubes that lose one
    "mean": lambda data: node("reduce_dimension", data=data, dimension="t", reducer=reducer("mean")),
    "last": lambda data: node("reduce_dimension", data=data, dimension="t", reducer=reducer("last")),
    "largest": lambda data: node("reduce_dimension", data=data, dimension="bands", reducer=reducer("max")),
    "pixels": lambda data: node("reduce_spatial", data=data, reducer=reducer("sum")),
    "rows": lambda data: node("reduce_dimension", data=data, dimension="y", reducer=reducer("sd")),
}
ALL_STEPS = tuple(sorted(_STEPS))
_TWO = {
    "difference": lambda one, other: node(
        "merge_cubes",
        cube1=one,
        cube2=other,
        overlap_resolver=callback("subtract", x={"from_parameter": "x"}, y={"from_parameter": "y"}),
    ),
    "mask": lambda one, other: node("mask", data=one, mask=other),
    "grid": lambda one, other: node("resample_cube_spatial", data=one, target=other, method="cubic"),
}


ALL_JOINS = tuple(sorted(_TWO))


@st.composite
def graphs(draw, steps=ALL_STEPS, joins=ALL_JOINS):
    """Draw the nodes of a graph without those that load: chains of *steps* that come together."""
    nodes = {}

    def chain(start, length):
        name = start
        for step in draw(st.lists(st.sampled_from(steps), max_size=length)):
            number = f"{step}{len(nodes)}"
            nodes[number] = _STEPS[step](of(name))
            name = number
        return name

    first = chain(LOADED, 3)
    if draw(st.booleans()):
        second = chain(draw(st.sampled_from([LOADED, OTHER, first])), 2)
        kind = draw(st.sampled_from(joins))
        number = f"{kind}{len(nodes)}"
        nodes[number] = _TWO[kind](of(first), of(second))
        first = number
    chain(first, 2)
    if not nodes:
        nodes["scale"] = _STEPS["scale"](of(LOADED))
    return nodes
