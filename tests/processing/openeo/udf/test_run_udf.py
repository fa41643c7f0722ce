"""User-defined functions: what they are given, what becomes of what they return, and what is told of them."""

import math
import textwrap
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from openeo.udf import execute_local_udf

from processing.openeo.tiles.graphs import LOADED, node, of
from processing.openeo.tiles.sources import CubeSource, X, Y, make_cube, read_graph
from twinlake.engines.sandbox.confinement import strongest
from twinlake.engines.sandbox.user_code import UserCode, spawner
from twinlake.engines.sandbox.user_program import UserProgram
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.definitions import NO_DEFINITIONS
from twinlake.processing.openeo.evaluating import evaluate
from twinlake.processing.openeo.reporting import Notes, Report
from twinlake.processing.openeo.runner.forks import Forks
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.tiles.computing import Here, TileComputing
from twinlake.processing.openeo.tiles.layout import TileSize
from twinlake.processing.openeo.tiles.windows import hollow
from twinlake.processing.openeo.tools import Tools
from twinlake.processing.openeo.udf.runtimes import PROGRAM
from twinlake.processing.openeo.values import Values, to_json
from twinlake.standards.openeo.errors import OpenEoError

pytestmark = pytest.mark.slow
DAYS = ("2019-12-31", "2020-01-01T12:00:00Z", "2020-03-01", "2021-05-05T00:00:00Z")
T = Dimension(name="t", kind="temporal", labels=DAYS, intervals=tuple((day[:10], day[:10]) for day in DAYS))
BANDS = Dimension(name="bands", kind="bands", labels=("B04", "B08"), common_names=("red", "nir"), wavelengths=(0.66, 0.83))
SMALL_Y = Dimension(name="y", kind="spatial", axis="y", crs=32632, labels=(30.0, 20.0, 10.0))
SMALL_X = Dimension(name="x", kind="spatial", axis="x", crs=32632, labels=(5.0, 15.0, 25.0, 35.0, 45.0))
DIMENSIONS = (T, BANDS, SMALL_Y, SMALL_X)
CUBE = make_cube("float32", dimensions=DIMENSIONS)
DATA, VALUE = {"from_parameter": "data"}, {"from_parameter": "x"}
CUBE_FUNCTION = "def apply_datacube(cube: xarray.DataArray, context: dict) -> xarray.DataArray:"


@pytest.fixture(scope="module")
def user_code():
    program = UserProgram(module=PROGRAM, confinement=strongest())
    with spawner(program) as door, closing(UserCode(door, limits=program.limits)) as user_code:
        yield user_code


@pytest.fixture
def run(user_code):
    return Running(user_code)


class Running:
    """Runs functions, and keeps what they say."""

    def __init__(self, user_code):
        self.notes = Notes()
        self.tools = Tools(user_code=user_code, report=Report(self.notes))

    @property
    def told(self):
        return [(told.level, told.message) for told in self.notes.all]

    def graph(self, nodes, **scope):
        return evaluate(read_graph(nodes), scope, tools=self.tools)

    def whole(self, code, data=CUBE, **more):
        return self.graph({"udf": udf(code, {"from_parameter": "cube"}, **more)}, cube=data)

    def apply(self, code, data=CUBE, **more):
        return self.graph({"apply": apply(code, **more)}, cube=data)

    def along(self, process, code, name, data=CUBE, **more):
        return self.graph({process: along(process, code, name, **more)}, cube=data)

    def fail(self, code, **more):
        with pytest.raises(OpenEoError) as found:
            self.whole(code, **more)
        return str(found.value)


def udf(code, data, **more):
    return node("run_udf", data=data, udf=f"{textwrap.dedent(code)}\n", runtime="Python", **more)


def body(lines):
    """Return the function of an `xarray.DataArray` that does *lines*; the first of them is line 3."""
    return f"import xarray\n{CUBE_FUNCTION}\n{textwrap.indent(textwrap.dedent(lines).strip(), '    ')}\n"


def callback(code, data, **more):
    return {"process_graph": {"udf": {**udf(code, data, **more), "result": True}}}


def apply(code, data=None, **more):
    return node("apply", data=data or {"from_parameter": "cube"}, process=callback(code, VALUE), **more)


def along(process, code, name, data=None, **more):
    role = "process" if process == "apply_dimension" else "reducer"
    more = more if process.startswith("aggregate") else {"dimension": name, **more}
    return node(process, data=data or {"from_parameter": "cube"}, **{role: callback(code, DATA)}, **more)


SAME = body("return cube")


def assert_is(made, values, dimensions=DIMENSIONS):
    assert made.dimensions == tuple(dimensions)
    np.testing.assert_array_equal(made.values.data, values)


# What a function is given


def test_it_is_given_names_labels_and_coordinates(run):
    made = run.whole(
        body("""
            import pandas
            assert cube.dims == ("t", "bands", "y", "x"), cube.dims
            assert cube.dtype == "float32"
            assert list(cube.t.values.astype(str)) == [
                "2019-12-31T00:00:00.000000000", "2020-01-01T12:00:00.000000000",
                "2020-03-01T00:00:00.000000000", "2021-05-05T00:00:00.000000000",
            ]
            assert isinstance(cube.indexes["t"], pandas.DatetimeIndex)
            assert list(cube.bands.values) == ["B04", "B08"]
            assert list(cube.y.values) == [30.0, 20.0, 10.0]
            assert list(cube.x.values) == [5.0, 15.0, 25.0, 35.0, 45.0]
            assert context == {"a": [1, None, "x"]}
            return cube
        """),
        context={"a": [1, None, "x"]},
    )

    assert_is(made, CUBE.values.data)
    assert made.values.nan_is_nodata


@pytest.mark.parametrize("process", ["apply_dimension", "reduce_dimension"])
@pytest.mark.parametrize("name", ["t", "bands", "y", "x"])
def test_in_a_callback_it_is_given_all_cells_in_the_order_of_the_cube(run, process, name):
    code = body(f"""
        assert cube.dims == ("t", "bands", "y", "x") and cube.shape == (4, 2, 3, 5)
        assert list(cube.bands.values) == ["B04", "B08"]
        return cube {".isel(" + name + "=0)" if process == "reduce_dimension" else ""}
    """)

    made = run.along(process, code, name)

    number = CUBE.place(name)
    if process == "reduce_dimension":
        assert_is(made, CUBE.values.data.take(0, number), CUBE.without(number))
    else:
        assert_is(made, CUBE.values.data)


@pytest.mark.parametrize(
    ("dtype", "given"), [("int16", "float32"), ("uint8", "float32"), ("int32", "float64"), ("bool", "float32")]
)
def test_integers_with_gaps_are_floats_and_others_are_not(run, dtype, given):
    cube = make_cube(dtype, dimensions=DIMENSIONS)
    whole = replace(cube, values=replace(cube.values, valid=None))

    made = run.whole(body(f"assert cube.dtype == {given!r}, cube.dtype\nreturn cube"), cube)
    same = run.whole(body(f"assert cube.dtype == {dtype!r}, cube.dtype\nreturn cube"), whole)

    np.testing.assert_array_equal(np.isnan(made.values.data), ~cube.values.valid)
    np.testing.assert_array_equal(made.values.data[cube.values.valid], cube.values.data[cube.values.valid])
    assert_is(same, cube.values.data)
    assert same.values.data.dtype == dtype


def test_no_data_of_a_mask_is_nan_for_it(run):
    valid = np.ones(CUBE.values.data.shape, dtype=bool)
    valid[0] = False
    cube = replace(CUBE, values=replace(CUBE.values, valid=valid))

    made = run.whole(body("assert cube.isel(t=0).isnull().all()\nreturn cube"), cube)

    assert not made.values.where()[0].any()


def test_times_of_other_calendars_are_such(run):
    t = Dimension(name="t", kind="temporal", labels=("2000-02-30T00:00:00Z", "2000-03-01T00:00:00Z"), calendar="360_day")
    cube = make_cube(dimensions=(t, SMALL_Y, SMALL_X))

    made = run.whole(body('assert cube.indexes["t"].calendar == "360_day"\nreturn cube.isel(t=[1])'), cube)

    assert made.dimensions[0] == t.take([1])


def test_labels_that_are_no_times_stay_texts(run):
    t = Dimension(name="t", kind="temporal", labels=("djf", "mam"))
    cube = make_cube(dimensions=(t, SMALL_Y, SMALL_X))

    assert run.whole(body('return cube.sel(t=["mam"])'), cube).dimensions[0].labels == ("mam",)


# What becomes of what it returns


def test_labels_that_stay_keep_all_that_is_known_of_them(run):
    made = run.whole(body('return cube.isel(t=[3, 1]).sel(bands=["B08"])'))

    assert_is(made, CUBE.values.data[[3, 1]][:, [1]], (T.take([3, 1]), BANDS.take([1]), SMALL_Y, SMALL_X))


def test_new_labels_and_dimensions_are_taken(run):
    made = run.whole(
        body("""
            import pandas
            cube = cube.isel(t=[0, 1]).assign_coords(t=pandas.to_datetime(["2000-01-01", "2000-01-02T03:04:05.5"], format="ISO8601"))
            return cube.assign_coords(bands=["a", "b"]).isel(y=0, drop=True).expand_dims(kind=["k"])
        """)
    )

    assert [each.name for each in made.dimensions] == ["kind", "t", "bands", "x"]
    assert made.dimensions[0].labels == ("k",)
    assert made.dimensions[1].labels == ("2000-01-01T00:00:00Z", "2000-01-02T03:04:05.500000Z")
    assert (made.dimensions[1].kind, made.dimensions[2].kind) == ("temporal", "bands")
    assert made.dimensions[2].labels == ("a", "b")
    assert made.dimensions[3] == SMALL_X


def test_dimensions_without_coordinates_are_counted(run):
    made = run.whole(body('return cube.drop_vars("t").isel(t=[0, 1]).rename(bands="b").drop_vars("b")'))

    assert [(each.name, each.labels, each.kind) for each in made.dimensions[:2]] == [
        ("t", (0, 1), "temporal"),
        ("b", (0, 1), "other"),
    ]


def test_what_it_reduces_to_is_what_ours_reduces_to(run):
    reduced = run.graph({"r": node("reduce_dimension", data={"from_parameter": "cube"}, dimension="t", reducer={
        "process_graph": {"m": node("max", data=DATA) | {"result": True}}})}, cube=CUBE)  # fmt: skip

    for code in ('return cube.max("t")', 'return cube.max("t", keepdims=True)', 'return cube.max("t").transpose()'):
        made = run.along("reduce_dimension", body(code), "t")
        assert_is(made, reduced.values.data, reduced.dimensions)


def test_periods_are_given_apart_and_one_without_data_is_not(run):
    code = body('print(cube.sizes["t"])\nreturn cube.sum("t", min_count=1)')

    made = run.along("aggregate_temporal_period", code, "t", period="year")
    months = run.along("aggregate_temporal_period", code, "t", period="month")

    assert [message for _, message in run.told[:3]] == [f"udf.py:3: {count}" for count in (1, 2, 1)]
    np.testing.assert_array_equal(made.values.data[0], CUBE.values.data[0])
    assert made.dimensions[0].labels == ("2019", "2020", "2021")
    assert not months.values.where()[2].any()


def test_other_steps_may_stand_before_and_behind_it(run):
    graph = {
        "process_graph": {
            "double": node("multiply", x=VALUE, y=2),
            "udf": udf(SAME, of("double")),
            "more": node("add", x=of("udf"), y=1) | {"result": True},
        }
    }

    made = run.graph({"apply": node("apply", data={"from_parameter": "cube"}, process=graph)}, cube=CUBE)

    assert_is(made, CUBE.values.data * 2 + 1)


def test_fewer_values_along_a_dimension_have_numbers_for_labels(run):
    made = run.along("apply_dimension", body("return cube.isel(t=[0, 2])"), "t")

    assert_is(made, CUBE.values.data[[0, 2]], (made.dimensions[0], *DIMENSIONS[1:]))
    assert made.dimensions[0].labels == (0, 1)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda run: run.apply(body('return cube.mean("t")')), "none labels along 't'"),
        (lambda run: run.apply(body("return cube.isel(x=[0])")), "1 labels along 'x', and 5 are wanted"),
        (lambda run: run.apply(body('return cube.expand_dims("z")')), "'z', which has no place"),
        (lambda run: run.along("reduce_dimension", SAME, "t"), "4 values along 't', and one value"),
        (lambda run: run.whole(body("return cube.astype(object)")), "type object"),
        (lambda run: run.whole(body("return cube.astype(complex)")), "complex"),
        (lambda run: run.whole(body("return cube.astype(str)")), "numbers or truths"),
        (lambda run: run.whole(body("return cube.values")), "returned ndarray, and DataArray is wanted"),
        (lambda run: run.whole(body("return None")), "returned NoneType"),
    ],
)
def test_what_has_no_place_is_refused(run, call, told):
    with pytest.raises(OpenEoError, match="The user-defined function failed: ") as found:
        call(run)

    assert told in str(found.value)


# Signatures


SIGNATURES = {
    "DataArray": SAME,
    "texts": f"from __future__ import annotations\n{SAME}",
    "XarrayDataCube": """
        from openeo.udf import XarrayDataCube
        def apply_datacube(cube: XarrayDataCube, context: dict) -> XarrayDataCube:
            return XarrayDataCube(cube.get_array() * 2)
        """,
    "apply_hypercube": """
        def apply_hypercube(cube: DataCube, context: dict) -> DataCube:
            return DataCube(cube.array * 2)
        """,
    "UdfData": """
        from openeo.udf import UdfData, XarrayDataCube
        def anything(data: UdfData):
            cubes = data.get_datacube_list()
            data.set_datacube_list([XarrayDataCube(cubes[0].get_array() * 2)])
        """,
    "UdfData returned": """
        def apply_udf_data(data: UdfData) -> UdfData:
            return UdfData(datacube_list=[XarrayDataCube(data.datacube_list[0].array * 2)])
        """,
    "timeseries": """
        import pandas
        from pandas import Series
        def helper(series: Series) -> int:
            return 2
        def apply_timeseries(series: Series, context: dict) -> Series:
            return series * helper(series)
        """,
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_functions_are_found_as_the_package_finds_them(run, name):
    """And make what its own runner makes, of which the cells are of another type."""
    code = textwrap.dedent(SIGNATURES[name])
    made = run.whole(SIGNATURES[name])
    factor = 1 if name in {"DataArray", "texts"} else 2

    assert_is(made, CUBE.values.data * factor)
    if name not in {"texts", "UdfData returned"}:  # which it does not know
        array = xr.DataArray(CUBE.values.data, dims=("t", "bands", "y", "x"))
        [theirs] = execute_local_udf(code, array).get_datacube_list()
        np.testing.assert_array_equal(theirs.array.values, made.values.data)


def test_a_series_has_its_times(run):
    code = """
        import pandas
        def apply_timeseries(series: pandas.Series, context: dict) -> pandas.Series:
            assert isinstance(series.index, pandas.DatetimeIndex)
            return series.interpolate("time").bfill()
        """

    made = run.along("apply_dimension", code, "t")

    array = xr.DataArray(
        CUBE.values.data, coords={"t": np.array([each[:19].rstrip("Z") for each in DAYS], "datetime64[ns]")}, dims=list("tbyx")
    )
    expected = array.astype(float).interpolate_na("t").bfill("t").ffill("t")
    np.testing.assert_allclose(made.values.data, expected.values, rtol=1e-6)


def test_a_series_that_comes_back_shorter_is_refused(run):
    code = """
        import pandas
        def apply_timeseries(series: pandas.Series, context: dict) -> pandas.Series:
            return series[:2]
        """

    assert "returned (2,) values for a series of (4,)" in run.fail(code)


@pytest.mark.parametrize("code", ["x = 1\n", "def apply_datacube(cube, context):\n    return cube\n", "class A: pass\n"])
def test_code_without_a_function_is_told_what_is_wanted(run, code):
    assert "def apply_datacube(cube: xarray.DataArray, context: dict) -> xarray.DataArray" in run.fail(code)


def test_a_module_is_kept_from_call_to_call(run):
    code = f"calls = []\n{body('calls.append(1)')}    return cube * 0 + len(calls)\n"

    first, second = (run.whole(code).values.data for _ in range(2))

    assert (np.nanmax(first), np.nanmax(second)) == (1, 2)


# JSON


@pytest.mark.parametrize(
    ("data", "code", "expected"),
    [
        (3, body("return cube + 1"), 4),
        ([1, 2.5], body("return cube * 2"), [2, 5.0]),
        ([1, 2], "def f(data: UdfData):\n    data.structured_data_list = [StructuredData({'sum': sum(data.structured_data_list[0].data)})]\n", {"sum": 3}),
        (["a", None], "def f(data: UdfData):\n    data.structured_data_list[0].data.append(data.user_context['more'])\n", ["a", None, "b"]),
    ],
)  # fmt: skip
def test_values_that_are_no_cube_are_json(run, data, code, expected):
    made = run.graph({"udf": udf(code, data, context={"more": "b"})})

    assert to_json(made) == expected


def test_one_value_of_a_cube_may_be_returned(run):
    code = "def f(data: UdfData):\n    cube = data.datacube_list[0].array\n    return UdfData(structured_data_list=[StructuredData(float(cube.max()))])\n"

    assert to_json(run.whole(code)) == np.nanmax(CUBE.values.data)


# What is told


def test_prints_and_logs_reach_the_log_with_their_line_and_node(run):
    run.along(
        "reduce_dimension",
        body("""
            from openeo.udf import inspect
            print("hello", cube.shape)
            inspect(data=[1], message="seen", level="warning")
            return cube.mean("t")
        """),
        "t",
    )

    assert run.told == [("info", "udf.py:4: hello (4, 2, 3, 5)"), ("warning", "udf.py:5: seen [1]")]
    assert [each["node_id"] for each in run.notes.all[0].path] == ["udf", "reduce_dimension"]


def test_an_error_has_its_line(run):
    found = run.fail(body("""
        values = cube.sel(bands="B99")
        return values
    """))  # fmt: skip

    assert "udf.py, line 3: KeyError" in found


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("raise OSError('Temporary failure in name resolution')", "name resolution. Code has no network"),
        ("raise PermissionError(1, 'Operation not permitted')", "not permitted. Code has no network"),
        ("import nonsense", "No module named 'nonsense'. Which libraries there are tells GET /udf_runtimes"),
    ],
)
def test_of_what_a_sandbox_lacks_it_is_told_how_to_get_it(run, statement, told):
    assert told in run.fail(body(statement))


def test_who_is_not_allowed_is_told(run):
    with pytest.raises(OpenEoError, match="User-defined functions are not run here"):
        evaluate(read_graph({"udf": udf(SAME, 1)}), {})


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"runtime": "R"}, "InvalidRuntime"),
        ({"version": "2.7"}, "InvalidVersion"),
        ({"version": "3.1"}, "InvalidVersion"),
        ({"udf": "https://example.org/udf.py"}, "FileNotFound"),
        ({"udf": "folder/udf.py"}, "FileNotFound"),
        ({"udf": 3}, "ProcessParameterInvalid"),
    ],
)
def test_other_runtimes_and_places_of_code_are_refused(run, more, code):
    with pytest.raises(OpenEoError) as found:
        run.graph({"udf": {**udf(SAME, 1), "arguments": {**udf(SAME, 1)["arguments"], **more}}})

    assert getattr(found.value, "reason", found.value.code) == code


def test_the_runtime_is_known_in_any_letters_and_to_any_digit(run):
    for more in ({"version": "3"}, {"version": None}, {"runtime": "python"}):
        run.graph({"udf": {**udf(SAME, 1), "arguments": {**udf(SAME, 1)["arguments"], **more}}})


# Dry runs and tiles

STEPS = {
    "apply": apply(body('print("tile", cube.shape)\nreturn cube * 2'), of(LOADED)),
    "reduce": along("reduce_dimension", body('return cube.mean("t")'), "t", of(LOADED)),
    "fewer": along("apply_dimension", body("return cube.isel(t=[0, 2]) + 0.5"), "t", of(LOADED)),
    "whole": udf(body('return (cube.isel(bands=[0]) > 30).assign_coords(bands=["large"])'), of(LOADED)),
}
LARGE = make_cube("int16", dimensions=(T, BANDS, Y, X))


@pytest.mark.parametrize("name", STEPS)
def test_a_dry_run_tells_what_will_be(run, name):
    graph = read_graph({LOADED: node("add", x=1, y=1), "udf": STEPS[name]})
    whole = evaluate(graph, {}, known={LOADED: LARGE}, tools=run.tools)

    dry = evaluate(graph, {}, known={LOADED: hollow(LARGE)}, tools=run.tools)

    assert dry.dimensions == whole.dimensions
    assert dry.values.data.shape == hollow(whole).values.data.shape
    assert dry.values.data.dtype.kind == whole.values.data.dtype.kind or LARGE.values.valid is not None


def test_a_dry_run_refuses_what_changes_pixels(run):
    graph = read_graph({LOADED: node("add", x=1, y=1), "udf": udf(body("return cube.isel(x=slice(0, 3))"), of(LOADED))})

    with pytest.raises(OpenEoError, match=r"changes the labels along 'x'.* pixels from resample_spatial"):
        evaluate(graph, {}, known={LOADED: hollow(LARGE)}, tools=run.tools)


@pytest.mark.parametrize(("name", "runner"), [*((name, Here()) for name in STEPS), ("apply", Forks(2))])
def test_tiles_are_the_whole(run, name, runner, tmp_path):
    graph = read_graph({LOADED: node("add", x=1, y=1), "udf": STEPS[name]})
    cube = replace(LARGE, values=Values(data=LARGE.values.data.astype("float32"), nan_is_nodata=True))
    expected = evaluate(graph, {}, known={LOADED: cube}, tools=run.tools)
    run.notes.all.clear()
    computing = TileComputing(
        graph,
        {LOADED: CubeSource(cube)},
        definitions=NO_DEFINITIONS,
        folder=tmp_path,
        runner=runner,
        progress=lambda *_: None,
        tools=run.tools,
        size=TileSize(edge=32, tile_bytes=20_000, largest_bytes=10_000_000),
    )

    found = computing.compute(["udf"])["udf"].whole()

    assert isinstance(found, Cube)
    assert found.dimensions == expected.dimensions
    np.testing.assert_array_equal(found.values.data, expected.values.data)
    if name == "apply":  # once in the dry run, then for each tile
        cells = [
            math.prod(eval(message.partition("udf.py:3: tile ")[2]))
            for _, message in run.told
            if "tile " in message and "udf.py" in message
        ]
        assert len(cells) > 3
        assert sum(cells[1:]) == cube.values.data.size
