"""What numbers are of: kept where a process keeps it, and else not told."""

import netCDF4
import pytest
import zarr

from processing.openeo.formats.drawn import save, whole
from processing.openeo.rasters import MEAN, SQUARE, T, X, Y, a_cube, callback, run
from processing.openeo.tiles.graphs import node, of
from processing.openeo.tiles.sources import CubeSource
from twinlake.processing.openeo.definitions import NO_DEFINITIONS
from twinlake.processing.openeo.formats.zarr_cube import open_cube
from twinlake.processing.openeo.loading.reading.images import open_image
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.shapes.quantities import Quantity
from twinlake.processing.openeo.tiles.computing import Here, TileComputing
from twinlake.standards.openeo.graph import parse_graph

WARMTH = Quantity(unit="K", standard_name="air_temperature", long_name="Air temperature")
RAIN = Quantity(unit="kg m-2", standard_name="precipitation_amount")
X_, Y_ = {"from_parameter": "x"}, {"from_parameter": "y"}
DATA = {"from_parameter": "data"}


def banded(*quantities, labels=("tas", "pr")):
    bands = Dimension(name="bands", kind="bands", labels=labels[: len(quantities)], quantities=quantities)
    return a_cube(dimensions=(T, bands, Y, X))


def quantities_of(cube):
    return next(each for each in cube.dimensions if each.kind == "bands").quantities


@pytest.mark.parametrize(
    ("process", "arguments", "methods"),
    [
        ("filter_bbox", {"extent": {"west": -1, "south": -1, "east": 1, "north": 1, "crs": 32631}}, ()),
        ("filter_temporal", {"extent": ["2020-01-02", "2020-01-03"]}, ()),
        ("mask_polygon", {"mask": SQUARE}, ()),
        ("inspect", {}, ()),
        ("resample_spatial", {"resolution": 2, "method": "average"}, ()),
        ("rename_labels", {"dimension": "bands", "target": ["a", "b"], "source": ["tas", "pr"]}, ()),
        ("apply", {"process": callback("clip", x=X_, min=0, max=5)}, ()),
        ("apply_dimension", {"process": callback("array_interpolate_linear", data=DATA), "dimension": "t"}, ()),
        ("reduce_dimension", {"reducer": MEAN, "dimension": "t"}, (("time", "mean"),)),
        ("reduce_dimension", {"reducer": callback("max", data=DATA), "dimension": "t"}, (("time", "maximum"),)),
        ("reduce_dimension", {"reducer": callback("first", data=DATA), "dimension": "t"}, ()),
        ("aggregate_temporal_period", {"period": "month", "reducer": callback("sum", data=DATA)}, (("time", "sum"),)),
        ("reduce_spatial", {"reducer": callback("median", data=DATA)}, (("area", "median"),)),
        ("aggregate_spatial", {"geometries": SQUARE, "reducer": MEAN}, (("area", "mean"),)),
        ("aggregate_spatial_weighted", {"geometries": SQUARE}, (("area", "mean"),)),
        ("aggregate_spatial_weighted", {"geometries": SQUARE, "statistic": "max"}, (("area", "maximum"),)),
        ("climatological_normal", {"period": "month", "climatology_period": [2020, 2020]}, (("time", "mean"),)),
    ],
)
def test_a_quantity_is_kept_with_what_was_made_of_it(process, arguments, methods):
    found = run(process, banded(WARMTH, None), **arguments)

    expected = Quantity(unit="K", standard_name="air_temperature", long_name="Air temperature", cell_methods=methods)
    assert quantities_of(found) == (expected, None)


@pytest.mark.parametrize(
    ("process", "arguments"),
    [
        ("apply", {"process": callback("multiply", x=X_, y=2)}),
        ("apply", {"process": callback("subtract", x=X_, y=273.15)}),
        ("apply", {"process": callback("subtract", x=X_, y={"from_parameter": "context"}), "context": 273.15}),
        ("apply_dimension", {"process": callback("sort", data=DATA), "dimension": "bands"}),
        ("reduce_dimension", {"reducer": callback("variance", data=DATA), "dimension": "t"}),
        ("reduce_dimension", {"reducer": callback("count", data=DATA), "dimension": "t"}),
        ("aggregate_spatial", {"geometries": SQUARE, "reducer": MEAN, "target_dimension": "what"}),
        ("aggregate_spatial_weighted", {"geometries": SQUARE, "statistic": "sum", "weights": "area"}),
        ("apply_kernel", {"kernel": [[1]], "factor": 3}),
    ],
)
def test_what_is_not_declared_to_keep_a_quantity_makes_an_unknown_one(process, arguments):
    assert quantities_of(run(process, banded(WARMTH, RAIN), **arguments)) is None


def test_a_difference_has_the_unit_of_both_and_no_name():
    resolver = callback("subtract", x=X_, y=Y_)
    found = run("merge_cubes", banded(WARMTH, RAIN), banded(WARMTH, WARMTH), overlap_resolver=resolver)
    assert quantities_of(found) == (Quantity(unit="K"), None)


@pytest.mark.parametrize(
    ("quantity", "found"),
    [
        (WARMTH, Quantity(unit="K", long_name="anomaly of Air temperature")),
        (Quantity(standard_name="air_temperature"), Quantity(long_name="anomaly of air temperature")),
        (None, Quantity(long_name="anomaly of tas")),
    ],
)
def test_anomalies_are_called_so_and_have_no_name_of_what_they_are_of(quantity, found, tmp_path):
    cube = banded(quantity)
    normals = run("climatological_normal", cube, period="month", climatology_period=[2020, 2020])
    anomalies = run("anomaly", cube, normals, period="month")

    assert quantities_of(anomalies) == (found,)
    (written,) = save(anomalies, whole(anomalies), tmp_path, "netCDF")
    with netCDF4.Dataset(tmp_path / written.path) as file:
        assert file["tas"].long_name == found.long_name
        assert "standard_name" not in file["tas"].ncattrs()
    assert written.fields["cube:variables"]["tas"]["description"] == found.long_name


def test_of_two_cubes_each_band_keeps_its_own():
    assert quantities_of(run("merge_cubes", banded(WARMTH), banded(RAIN, labels=("pr",)))) == (WARMTH, RAIN)


def test_mean_over_time_and_area_is_told_in_order():
    found = run("reduce_spatial", run("reduce_dimension", banded(WARMTH), reducer=MEAN, dimension="t"), reducer=MEAN)
    assert quantities_of(found)[0].cell_methods == (("time", "mean"), ("area", "mean"))


@pytest.mark.parametrize(
    ("process", "arguments", "quantities", "found"),
    [
        ("drop_dimension", {"name": "bands"}, (WARMTH,), WARMTH),
        ("reduce_dimension", {"reducer": callback("array_element", data=DATA, index=1)}, (WARMTH, RAIN), RAIN),
        ("reduce_dimension", {"reducer": callback("array_element", data=DATA, label="pr")}, (WARMTH, RAIN), RAIN),
        ("reduce_dimension", {"reducer": callback("max", data=DATA)}, (RAIN, RAIN), RAIN),
        ("reduce_dimension", {"reducer": callback("max", data=DATA)}, (WARMTH, RAIN), None),
        ("reduce_dimension", {"reducer": callback("product", data=DATA)}, (RAIN, RAIN), None),
        ("ndvi", {"nir": "tas", "red": "pr"}, (RAIN, RAIN), None),
    ],
)
def test_a_cube_without_bands_is_of_the_quantity_of_what_was_taken(process, arguments, quantities, found):
    given = {"dimension": "bands", **arguments} if process == "reduce_dimension" else arguments
    assert run(process, banded(*quantities), **given).quantity == found


def test_a_cube_without_bands_keeps_its_quantity(tmp_path):
    one = run("drop_dimension", banded(WARMTH), name="bands")
    months = run("aggregate_temporal_period", one, period="month", reducer=MEAN)
    difference = run("merge_cubes", one, one, overlap_resolver=callback("subtract", x=X_, y=Y_))

    assert months.quantity.cell_methods == (("time", "mean"),)
    assert difference.quantity == Quantity(unit="K")
    assert run("inspect", one).quantity == one.quantity
    assert run("apply", one, process=callback("multiply", x=X_, y=2)).quantity is None
    (written,) = save(months, whole(months), tmp_path, "netCDF")
    with netCDF4.Dataset(tmp_path / written.path) as file:
        assert (file["data"].units, file["data"].cell_methods) == ("K", "time: mean")
    (written,) = save(months, whole(months), tmp_path, "Zarr")
    assert open_cube(tmp_path / written.path).hollow.quantity == months.quantity


def test_a_graph_in_tiles_tells_what_its_result_is_of(tmp_path):
    graph, faults = parse_graph(
        {
            "load": node("add", x=1, y=1),
            "one": node("drop_dimension", data=of("load"), name="bands"),
            "mean": {**node("reduce_dimension", data=of("one"), dimension="t", reducer=MEAN), "result": True},
        }
    )
    assert not faults
    computing = TileComputing(
        graph,
        {"load": CubeSource(banded(WARMTH))},
        definitions=NO_DEFINITIONS,
        folder=tmp_path,
        runner=Here(),
        progress=lambda *_: None,
    )

    expected = Quantity(unit="K", standard_name="air_temperature", long_name="Air temperature", cell_methods=(("time", "mean"),))
    assert computing.compute(["mean"])["mean"].hollow.quantity == expected


def test_netcdf_has_the_attributes_of_cf(tmp_path):
    cube = run("aggregate_temporal_period", banded(WARMTH, None), period="month", reducer=MEAN)
    (written,) = save(cube, whole(cube), tmp_path, "netCDF")

    with netCDF4.Dataset(tmp_path / written.path) as file:
        tas, pr = file["tas"], file["pr"]
        assert (tas.units, tas.standard_name, tas.long_name) == ("K", "air_temperature", "Air temperature")
        assert tas.cell_methods == "time: mean"
        assert file["t"].standard_name == "time"
        assert not {"units", "standard_name", "cell_methods"} & set(pr.ncattrs())
    assert written.fields["cube:variables"]["tas"]["unit"] == "K"
    assert written.fields["cube:variables"]["tas"]["cf:standard_name"] == "air_temperature"
    assert written.fields["bands"] == [{"name": "tas", "unit": "K"}, {"name": "pr"}]


def test_a_name_of_any_length_can_be_written(tmp_path):
    cube = banded(Quantity(unit="K", long_name="ä" * 70_000))
    (written,) = save(cube, whole(cube), tmp_path, "netCDF")

    with netCDF4.Dataset(tmp_path / written.path) as file:
        assert file["tas"].long_name == "ä" * 1000


def test_zarr_has_them_too_and_restores_them(tmp_path):
    cube = run("aggregate_temporal_period", banded(WARMTH), period="month", reducer=MEAN)
    (written,) = save(cube, whole(cube), tmp_path, "Zarr")

    attributes = dict(zarr.open_group(tmp_path / written.path, mode="r")["data"].attrs)
    assert (attributes["units"], attributes["standard_name"], attributes["cell_methods"]) == (
        "K",
        "air_temperature",
        "time: mean",
    )
    assert quantities_of(open_cube(tmp_path / written.path).hollow) == quantities_of(cube)


def test_units_in_geotiff_are_written_and_read(tmp_path):
    cube = banded(WARMTH, None)
    first, *_ = save(cube, whole(cube), tmp_path, "GTiff")

    assert first.fields["bands"] == [{"name": "tas", "unit": "K"}, {"name": "pr"}]
    with open_image("result", tmp_path / first.path) as source:
        assert quantities_of(source.hollow) == (Quantity(unit="K"), None)


def test_bands_of_several_quantities_in_one_array_have_none(tmp_path):
    cube = banded(WARMTH, RAIN)
    (written,) = save(cube, whole(cube), tmp_path, "netCDF", bands="dimension")

    with netCDF4.Dataset(tmp_path / written.path) as file:
        assert "units" not in file["data"].ncattrs()
