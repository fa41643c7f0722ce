"""Files made to harm: refused with a reason, quickly, without reading anything else."""

import contextlib
import gzip
import json
import os
import struct

import netCDF4
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from made_up import (
    geojson,
    write_external_link,
    write_external_storage,
    write_geoparquet,
    write_geotiff,
    write_json,
    write_netcdf,
    write_virtual_dataset,
    write_zarr,
)
from twinlake.holdings.readers import csv_table, json_stream
from twinlake.holdings.readers.crs import read_crs
from twinlake.holdings.readers.describe import describe
from twinlake.holdings.readers.documents import read_documents
from twinlake.holdings.readers.errors import ForeignReferenceError, TooLargeToReadError, UnreadableFileError
from twinlake.holdings.readers.gdal import open_raster


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("write", ["geotiff", "netcdf3", "netcdf4", "parquet"])
def test_truncated_files(tmp_path, write, kept):
    path = tmp_path / "cut"
    match write:
        case "geotiff":
            write_geotiff(path, values=np.random.default_rng(1).integers(0, 1000, (1, 60, 80)), compress="deflate")
        case "netcdf3":
            write_netcdf(path, form="NETCDF3_CLASSIC")
        case "netcdf4":
            write_netcdf(path)
        case _:
            write_geoparquet(path)
    os.truncate(path, int(path.stat().st_size * kept))

    with pytest.raises(UnreadableFileError) as raised:
        describe(path)

    assert raised.value.remedy
    assert str(tmp_path) not in raised.value.reason


def test_bytes_that_are_no_longer_what_they_were(tmp_path):
    rng = np.random.default_rng(5)
    originals = [
        write_geotiff(tmp_path / "a"),
        write_netcdf(tmp_path / "b"),
        write_netcdf(tmp_path / "c", form="NETCDF3_CLASSIC"),
    ]
    originals += [write_geoparquet(tmp_path / "d"), write_json(tmp_path / "e", geojson())]
    for original in originals:
        content = original.read_bytes()
        for _ in range(30):
            damaged = bytearray(content)
            for at in rng.integers(0, min(len(content), 2000), 8):
                damaged[at] = rng.integers(0, 256)
            original.write_bytes(damaged)
            with contextlib.suppress(UnreadableFileError):
                assert describe(original).format


def _set_tiff_tag(path, tag, value):
    """Overwrite one value of a classic little-endian TIFF's first directory."""
    content = bytearray(path.read_bytes())
    (at,) = struct.unpack_from("<I", content, 4)
    for index in range(struct.unpack_from("<H", content, at)[0]):
        entry = at + 2 + 12 * index
        if struct.unpack_from("<H", content, entry)[0] == tag:
            struct.pack_into("<HI", content, entry + 2, 4, 1)
            struct.pack_into("<I", content, entry + 8, value)
    path.write_bytes(content)


def test_raster_with_dimensions_of_a_bomb(tmp_path):
    path = write_geotiff(tmp_path / "bomb.tif")
    for tag in (256, 257, 278):  # ImageWidth, ImageLength, RowsPerStrip
        _set_tiff_tag(path, tag, 60_000)

    with pytest.raises(UnreadableFileError):
        describe(path)


def test_files_beside_a_raster_are_never_read(tmp_path):
    path = write_geotiff(tmp_path / "a.tif")
    before = describe(path)
    write_geotiff(tmp_path / "a.tif.ovr", shape=(30, 40), values=np.full((1, 30, 40), 7))
    write_geotiff(tmp_path / "a.tif.msk", dtype="uint8", values=np.zeros((1, 60, 80)))
    (tmp_path / "a.tfw").write_text("1\n0\n0\n-1\n0\n0\n")
    (tmp_path / "a.tif.aux.xml").write_text(
        "<PAMDataset><SRS>EPSG:3857</SRS><GeoTransform>0,1,0,0,0,1</GeoTransform></PAMDataset>"
    )

    assert describe(path) == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.tfw", "a.tif", "a.tif.aux.xml", "a.tif.msk", "a.tif.ovr"]


def test_only_geotiff_is_opened_by_gdal(tmp_path):
    vrt = tmp_path / "disguised.tif"
    vrt.write_text('<VRTDataset rasterXSize="1" rasterYSize="1"></VRTDataset>')

    with pytest.raises(UnreadableFileError), open_raster(vrt):
        pass


def test_names_that_libraries_understand_as_more(tmp_path):
    for name in ("a?b=c.tif", "zip!inside.tif", "GTIFF_DIR:1:x.tif", "x#mode=zarr.tif", "a b é.tif"):
        assert describe(write_geotiff(tmp_path / "plain.tif").rename(tmp_path / name)).asset["proj:shape"] == [60, 80]


def test_crs_never_names_a_grid_file():
    crs = read_crs("+proj=longlat +ellps=bessel +nadgrids=/etc/passwd +type=crs")

    assert crs.type_name == "Geographic 2D CRS"
    assert "PARAMETERFILE" not in crs.to_wkt()


@pytest.mark.parametrize("write", [write_external_link, write_external_storage, write_virtual_dataset])
def test_hdf5_that_points_elsewhere(tmp_path, write):
    with pytest.raises(ForeignReferenceError):
        describe(write(tmp_path / "x.nc"))


def test_hdf5_with_huge_chunks(tmp_path):
    path = tmp_path / "bomb.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("x", 2**29)
        file.createVariable("v", "f8", ("x",), chunksizes=(2**28,), zlib=True)

    with pytest.raises(TooLargeToReadError, match="chunk"):
        describe(path)


def test_hdf5_group_that_holds_itself(tmp_path):
    import h5py

    path = tmp_path / "loop.h5"
    with h5py.File(path, "w") as file:
        file["group/data"] = np.arange(3)
        file["group/again"] = file["group"]
        file["soft"] = h5py.SoftLink("/group/soft")

    assert list(describe(path).asset["cube:variables"]) == ["group/data"]


def test_classic_netcdf_with_lying_lengths(tmp_path):
    path = write_netcdf(tmp_path / "x.nc", form="NETCDF3_CLASSIC")
    content = bytearray(path.read_bytes())
    struct.pack_into(">i", content, 4, 2**30)  # number of records
    path.write_bytes(content)

    with pytest.raises(UnreadableFileError, match="ends at byte"):
        describe(path)


def _edit(path, change):
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_zarr_with_huge_chunks(tmp_path):
    store = write_zarr(tmp_path / "a.zarr", version=2)
    _edit(store / "field/.zarray", lambda each: each.update(chunks=[2**20, 2**20, 2**20]))
    with pytest.raises(TooLargeToReadError):
        describe(store)

    store = write_zarr(tmp_path / "b.zarr", version=3)
    _edit(store / "field/zarr.json", lambda each: each["chunk_grid"]["configuration"].update(chunk_shape=[2**20, 2**20, 2**20]))
    with pytest.raises(TooLargeToReadError):
        describe(store)


def test_zarr_codecs_that_run_code_are_refused(tmp_path):
    store = write_zarr(tmp_path / "a.zarr", version=2)
    _edit(store / "field/.zarray", lambda each: each.update(filters=[{"id": "pickle"}], dtype="|O"))

    with pytest.raises(UnreadableFileError, match="codec 'pickle'"):
        describe(store)


def test_zarr_links_are_refused(tmp_path):
    store = write_zarr(tmp_path / "a.zarr", version=3)
    (store / "field/c/9").symlink_to("/etc")

    with pytest.raises(ForeignReferenceError):
        describe(store)


def test_zarr_with_damaged_metadata(tmp_path):
    store = write_zarr(tmp_path / "a.zarr", version=3)
    _edit(store / "field/zarr.json", lambda each: each.update(shape="many"))
    with pytest.raises(UnreadableFileError, match="damaged"):
        describe(store)

    _edit(store / "field/zarr.json", lambda each: each.update(shape=[2, 11, 21], attributes="none"))
    with pytest.raises(UnreadableFileError, match="no JSON object"):
        describe(store)

    (store / "field/zarr.json").write_text("{" * 10_000)
    with pytest.raises(UnreadableFileError):
        describe(store)


def test_zarr_with_damaged_chunk(tmp_path):
    store = write_zarr(tmp_path / "a.zarr", version=2)
    (store / "lat/0").write_bytes(b"nonsense")

    with pytest.raises(UnreadableFileError, match="lat"):
        describe(store)


def test_csv_with_a_million_columns(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{n}" for n in range(1_000_000)) + "\n1,2\n")

    with pytest.raises(TooLargeToReadError):
        describe(path)


def test_csv_of_one_endless_line(tmp_path):
    path = tmp_path / "line.csv"
    path.write_bytes(b"a,b\n1," + b"x" * (20 * 2**20) + b"\n")

    with pytest.raises(UnreadableFileError):
        describe(path)


def test_gzip_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_table, "MAX_UNPACKED_BYTES", 10 * 2**20)
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"0,0\n" * (5 * 2**20)))

    with pytest.raises(TooLargeToReadError):
        describe(path)


def test_cut_gzip(tmp_path):
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + os.urandom(50_000).hex().encode() + b",1\n")[:-2000])

    with pytest.raises(UnreadableFileError):
        describe(path)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '{"type":"FeatureCollection","features":[' + "[" * 5000])
def test_deep_json(tmp_path, text):
    path = tmp_path / "deep.json"
    path.write_text(text)

    with pytest.raises(UnreadableFileError):
        describe(path)


def test_one_huge_feature(tmp_path, monkeypatch):
    monkeypatch.setattr(json_stream, "MAX_DOCUMENT_BYTES", 2**20)
    document = geojson(1)
    document["features"][0]["properties"]["name"] = "x" * (3 * 2**20)

    with pytest.raises(TooLargeToReadError):
        describe(write_json(tmp_path / "x", document))


def test_json_that_breaks_off(tmp_path):
    path = tmp_path / "x.ndjson"
    path.write_text(
        '{"type": "Feature", "stac_version": "1.0.0", "id": "a", "assets": {}, "links": []}\n{"type": "Feature", "id"'
    )
    documents = read_documents(path)

    assert next(documents).document["id"] == "a"
    with pytest.raises(UnreadableFileError):
        next(documents)


def test_parquet_with_too_many_columns(tmp_path):
    path = tmp_path / "wide"
    pq.write_table(pa.table({f"c{n}": [1] for n in range(6000)}), path)

    with pytest.raises(TooLargeToReadError):
        describe(path)


def test_geoparquet_with_lying_metadata(tmp_path):
    for geo in (b"[]", b'{"primary_column": "shape", "columns": {}}', b"nonsense"):
        path = tmp_path / "x"
        pq.write_table(pa.table({"geometry": [b"x"]}).replace_schema_metadata({"geo": geo}), path)
        with pytest.raises(UnreadableFileError):
            describe(path)

    meta = {"primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB"}}}
    pq.write_table(pa.table({"geometry": [b"no wkb"]}).replace_schema_metadata({"geo": json.dumps(meta)}), path)
    with pytest.raises(UnreadableFileError, match="geometry"):
        describe(path)
