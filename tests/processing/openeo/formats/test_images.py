"""GeoTIFFs as rasterio and GDAL read them, pictures as Pillow does."""

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from processing.openeo.formats.drawn import assert_same_cells, rasters, save, whole
from processing.openeo.rasters import T, X, Y
from twinlake.processing.openeo.cubes import Cube
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.processing.openeo.values import Values
from twinlake.standards.openeo.errors import ProcessError

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
BANDS = Dimension(name="bands", kind="bands", labels=("B04", "B03", "B02", "opacity"))


def read_tiffs(folder, files, cube):
    """Return what rasterio reads, along t, bands, y from the north, x: cells, where there is data, and the last dataset."""
    cells, there = [], []
    for each in files:
        with rasterio.open(folder / each.path) as dataset:
            cells.append(dataset.read())
            there.append(dataset.read_masks() > 0)
    return np.stack(cells), np.stack(there)


@FEW
@given(data=st.data())
def test_rasterio_reads_what_was_written(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiff")
    cube = data.draw(rasters())
    kind, is_there = cube.values.data.dtype, cube.values.where()
    if kind.name in {"int64", "uint64"}:
        cube = Cube(values=Values(data=cube.values.data), dimensions=cube.dimensions)
    files = save(cube, whole(cube), folder, "COG")
    cells, there = read_tiffs(folder, files, cube)
    named = {each.name: each for each in cube.dimensions}
    y, x = named["y"], named["x"]
    if y.labels[0] < y.labels[-1]:
        cells, there = cells[:, :, ::-1], there[:, :, ::-1]
    names = [name for name in ("t", "bands", "y", "x") if name in named]
    shape = tuple(len(named[name].labels) for name in names)

    assert_same_cells(cube, cells.reshape(shape), there.reshape(shape), names=names)
    with rasterio.open(folder / files[0].path) as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.crs == (None if x.crs is None else rasterio.crs.CRS.from_epsg(x.crs))
        assert dataset.transform[:6] == tuple(files[0].fields["proj:transform"])
        columns = [dataset.transform @ (column + 0.5, 0.5) for column in range(dataset.width)]
        assert [each[0] for each in columns] == pytest.approx(x.labels, rel=1e-12, abs=1e-9)
        rows = [dataset.transform @ (0.5, row + 0.5) for row in range(dataset.height)]
        assert sorted(each[1] for each in rows) == pytest.approx(sorted(y.labels), rel=1e-12, abs=1e-9)
        assert dataset.descriptions == (named["bands"].labels if "bands" in named else (None,))
        nodata = files[0].fields.get("nodata")
        assert (dataset.nodata is None) == (nodata is None)
        if kind.kind in "iu" and nodata is not None:
            assert dataset.nodata == nodata
            assert nodata not in cube.values.data[is_there].tolist()
        assert dataset.dtypes[0] == files[0].fields["data_type"]


def image(data, *, valid=None, bands=None, dtype=None, nan_is_nodata=False):
    data = np.asarray(data, dtype=dtype)
    rows, columns = data.shape[-2:]
    y = Dimension(name="y", kind="spatial", axis="y", labels=tuple(float(-n) for n in range(rows)), crs=32631)
    x = Dimension(name="x", kind="spatial", axis="x", labels=tuple(float(n) for n in range(columns)), crs=32631)
    front = () if data.ndim == 2 else (bands or BANDS.take(range(len(data))),)
    return Cube(values=Values(data=data, valid=valid, nan_is_nodata=nan_is_nodata), dimensions=(*front, y, x))


@pytest.mark.parametrize(
    ("dtype", "values", "nodata", "stored"),
    [
        ("uint8", range(255), 255, "uint8"),
        ("uint8", range(1, 256), 0, "uint8"),
        ("uint8", [0, 255, *range(1, 254)], 254, "uint8"),
        ("uint8", range(256), -32768, "int16"),
        ("int16", [-32768, 32767], 32766, "int16"),
        ("int8", range(-128, 128), -32768, "int16"),
        ("uint16", range(65536), -(2**31), "int32"),
        ("int32", [-(2**31), 2**31 - 1], -(2**63), "int64"),
        ("uint32", [0, 2**32 - 1], -(2**63), "int64"),
        ("int64", [-(2**63), 5], 2**63 - 1, "int64"),
        ("bool", [False, True], 255, "uint8"),
    ],
)
def test_no_data_of_integers_is_a_number_that_stands_nowhere(tmp_path, dtype, values, nodata, stored):
    data = np.array([*values, 0], dtype=dtype)[None]
    valid = np.ones(data.shape, dtype=bool)
    valid[0, -1] = False
    cube = image(data, valid=valid)
    files = save(cube, whole(cube), tmp_path, "GTiff")
    cells, there = read_tiffs(tmp_path, files, cube)

    assert files[0].fields["nodata"] == nodata
    assert files[0].fields["data_type"] == stored
    assert np.array_equal(there[0, 0], valid)
    assert cells[0, 0, 0, :-1].tolist() == [int(each) for each in values]


def test_where_no_integer_is_left_a_remedy_is_told(tmp_path):
    cube = image([[-(2**63), 2**63 - 1, 0]], dtype="int64", valid=np.array([[True, True, False]]))
    with pytest.raises(ProcessError, match="Save the result as Zarr"):
        save(cube, whole(cube), tmp_path, "GTiff")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("compress", ["DEFLATE", "ZSTD", "LZW", "NONE"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_compression_and_overviews_are_as_asked(tmp_path, compress, dtype):
    random = np.random.default_rng(1)
    cube = image(random.integers(0, 9, (2, 700, 300)), dtype=dtype)
    options = {"compress": compress, "blocksize": 128, "overview_resampling": "average"}
    for name, more in (("a", {}), ("b", {"predictor": False}), ("c", {"overviews": False})):
        files = save(cube, whole(cube), tmp_path / name, "COG", **options, **more)
        with rasterio.open(tmp_path / name / files[0].path) as dataset:
            assert (dataset.compression is None) == (compress == "NONE")
            assert compress == "NONE" or dataset.compression.name.upper() == compress
            assert dataset.block_shapes == [(128, 128)] * 2
            assert np.array_equal(dataset.read(), cube.values.data)
            assert dataset.overviews(1) == ([] if more == {"overviews": False} else [2, 4, 8])
            assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            kind = dataset.tags(ns="IMAGE_STRUCTURE").get("PREDICTOR", "1")
            packed = compress != "NONE" and more != {"predictor": False}
            assert kind == ("1" if not packed else "2" if dtype == "int16" else "3")
            if more == {}:
                assert dataset.tags()["overview_resampling"] == "average"
                halved = dataset.read(1, out_shape=(350, 150))
                mean = cube.values.data[0].reshape(350, 2, 150, 2).mean(axis=(1, 3))
                assert np.abs(halved - mean).max() <= (1e-6 if dtype != "int16" else 0.5)


def test_nearest_overviews_have_no_values_of_their_own_and_gaps_stay(tmp_path):
    data = np.random.default_rng(1).choice([1, 7], (600, 600)).astype(np.float32)
    data[:300] = np.nan
    cube = image(data, nan_is_nodata=True)
    files = save(cube, whole(cube), tmp_path, "GTiff")
    with rasterio.open(tmp_path / files[0].path) as dataset:
        half = dataset.read(1, out_shape=(300, 300))
    assert set(np.unique(half[~np.isnan(half)])) == {1, 7}
    assert np.isnan(half[:150]).all()
    assert not np.isnan(half[150:]).any()


def test_files_of_times_are_named_and_tagged_by_them(tmp_path):
    time = Dimension(
        name="t",
        kind="temporal",
        labels=("2020-01", "2020-02"),
        calendar="360_day",
        intervals=(("2020-01-01", "2020-02-01"), ("2020-02-01", "2020-02-30")),
    )
    cube = Cube(values=Values(data=np.arange(16).reshape(2, 4, 2)), dimensions=(time, Y, X))
    files = save(cube, whole(cube), tmp_path, "COG")

    assert [str(each.path) for each in files] == ["result_2020-01.tif", "result_2020-02.tif"]
    assert [(each.start, each.end) for each in files] == [
        ("2020-01-01T00:00:00Z", "2020-02-01T00:00:00Z"),
        ("2020-02-01T00:00:00Z", "2020-02-29T00:00:00Z"),
    ]
    with rasterio.open(tmp_path / files[1].path) as dataset:
        assert (dataset.tags()["datetime"], dataset.tags()["interval"]) == ("2020-02", "2020-02-01/2020-02-30")
        assert dataset.read(1).tolist() == cube.values.data[1].tolist()


def test_a_row_of_pixels_is_as_high_as_its_pixels_are_wide(tmp_path):
    cube = Cube(values=Values(data=np.zeros((1, 2))), dimensions=(Y.take([0]), X))
    files = save(cube, whole(cube), tmp_path, "COG")
    assert files[0].fields["proj:transform"] == [1.0, 0.0, -0.5, 0.0, -1.0, 2.5]


def picture(folder, files, number=0):
    with Image.open(folder / files[number].path) as opened:
        return opened.mode, np.array(opened.convert("RGBA"))


def test_one_band_is_grey_and_gaps_are_transparent(tmp_path):
    cube = image([[0.0, 5.0], [10.0, np.nan]], nan_is_nodata=True)
    files = save(cube, whole(cube), tmp_path, "PNG", minimum=0, maximum=10)
    mode, pixels = picture(tmp_path, files)

    assert mode == "LA"
    assert pixels[..., 0].tolist() == [[0, 128], [255, 0]]
    assert pixels[..., 3].tolist() == [[255, 255], [255, 0]]
    assert files[0].roles == ("visual",)


def test_without_bounds_the_stretch_is_from_the_2nd_to_the_98th_percentile(tmp_path):
    data = np.arange(1001, dtype=np.int16)[None]
    files = save(image(data), whole(image(data)), tmp_path, "PNG")
    mode, pixels = picture(tmp_path, files)

    assert mode == "L"
    assert files[0].fields["twinlake:stretch"] == [20.0, 980.0]
    expected = np.rint(np.clip((data - 20.0) / 960, 0, 1) * 255)
    assert pixels[..., 0].tolist() == expected.tolist()


def test_three_bands_are_colours_and_a_fourth_is_opacity(tmp_path):
    data = np.arange(18, dtype=np.uint8).reshape(3, 2, 3)
    cube = image(data)
    mode, pixels = picture(tmp_path, save(cube, whole(cube), tmp_path, "PNG", minimum=0, maximum=17))
    assert mode == "RGB"
    assert np.array_equal(pixels[..., :3], np.rint(data.transpose(1, 2, 0) / 17 * 255))

    valid = np.ones((4, 2, 3), dtype=bool)
    valid[1, 0, 0] = False
    four = image(np.concatenate([data, [[[0, 100, 255], [1, 2, 3]]]]), valid=valid, dtype=np.uint8)
    mode, pixels = picture(tmp_path, save(four, whole(four), tmp_path, "PNG", minimum=0, maximum=17))
    assert mode == "RGBA"
    assert pixels[..., 3].tolist() == [[0, 100, 255], [1, 2, 3]]
    assert pixels[0, 0].tolist() == [0, 0, 0, 0]


def test_opacity_does_not_count_for_the_stretch(tmp_path):
    data = np.zeros((4, 10, 10), dtype=np.float32)
    data[:3] = np.linspace(5, 6, 300).reshape(3, 10, 10)
    data[3] = 1
    files = save(image(data), whole(image(data)), tmp_path, "PNG")
    assert files[0].fields["twinlake:stretch"] == pytest.approx([5.02, 5.98], abs=1e-3)
    assert (picture(tmp_path, files)[1][..., 3] == 255).all()


def test_infinite_numbers_are_the_darkest_and_the_brightest(tmp_path):
    cube = image([[-np.inf, 0.25], [0.5, np.inf]], dtype="float32")
    _, pixels = picture(tmp_path, save(cube, whole(cube), tmp_path, "PNG", minimum=0, maximum=0.5))

    assert pixels[..., 0].tolist() == [[0, 128], [255, 255]]


def test_a_palette_goes_from_its_first_colour_to_its_last(tmp_path):
    cube = image([[0.0, 1.0, 2.0, np.nan]], nan_is_nodata=True)
    files = save(cube, whole(cube), tmp_path, "PNG", minimum=0, maximum=2, palette=["#ff0000", "#00ff00", "#0000ff80"])
    mode, pixels = picture(tmp_path, files)
    assert mode == "P"
    assert pixels[0].tolist() == [[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 128], [0, 0, 0, 0]]


@pytest.mark.parametrize("data", [np.full((2, 2), np.nan), np.full((2, 2), 3.0), np.full((2, 2), np.inf)])
def test_pictures_of_nothing_or_of_one_value_are_there(tmp_path, data):
    cube = image(data, nan_is_nodata=True)
    files = save(cube, whole(cube), tmp_path, "PNG")
    assert picture(tmp_path, files)[1].shape == (2, 2, 4)


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_large_pictures_are_written_strip_by_strip(tmp_path, kind):
    data = np.random.default_rng(1).integers(0, 256, (3, 900, 1300)).astype(kind)
    files = save(image(data), whole(image(data)), tmp_path, "PNG", minimum=0, maximum=255)
    assert np.array_equal(picture(tmp_path, files)[1][..., :3], data.transpose(1, 2, 0).astype(np.uint8))
    times = Dimension(name="t", kind="temporal", labels=T.labels)
    series = Cube(values=Values(data=data), dimensions=(times, *image(data[0]).dimensions))
    files = save(series, whole(series), tmp_path / "series", "PNG", minimum=0, maximum=255)
    assert np.array_equal(picture(tmp_path / "series", files, 2)[1][..., 0], data[2].astype(np.uint8))
