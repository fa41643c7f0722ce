"""The format of a file is told by its content, and what is not taken in says why and what to do."""

import gzip
import json

import pytest

from made_up import geojson, stac_item, write_geoparquet, write_geotiff, write_json, write_netcdf, write_zarr
from twinlake.holdings.readers.errors import ForeignReferenceError, UnreadableFileError
from twinlake.holdings.readers.formats import detect


def test_a_lying_name_does_not_matter(tmp_path):
    assert detect(write_geotiff(tmp_path / "picture.nc")).name == "geotiff"
    assert detect(write_netcdf(tmp_path / "table.csv", form="NETCDF3_CLASSIC")).name == "netcdf-classic"
    assert detect(write_netcdf(tmp_path / "a.tif")).name == "hdf5"
    assert detect(write_geoparquet(tmp_path / "b.json")).name == "parquet"


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_directories(tmp_path, version):
    found = detect(write_zarr(tmp_path / "cube", version=version))

    assert (found.name, found.media_type) == ("zarr", f"application/vnd.zarr; version={version}")


@pytest.mark.parametrize(
    ("document", "name"),
    [
        (geojson(), "geojson"),
        ({"type": "Point", "coordinates": [1, 2]}, "geojson"),
        (stac_item(), "stac-item"),
        ({"type": "FeatureCollection", "features": [stac_item()]}, "stac-items"),
        ({"type": "Collection", "stac_version": "1.0.0", "id": "c"}, "stac-collection"),
        ({"id": "old", "stac_version": "0.9.0", "license": "x", "extent": {}, "links": []}, "stac-collection"),
    ],
)
def test_json_documents(tmp_path, document, name):
    assert detect(write_json(tmp_path / "x", document)).name == name


def test_lines_of_json(tmp_path):
    path = tmp_path / "lines"
    path.write_text("\n".join(json.dumps(stac_item(name)) for name in "abc"))
    assert detect(path).name == "stac-lines"

    path.write_text("\n".join(json.dumps(feature) for feature in geojson()["features"]))
    assert detect(path).name == "geojson-lines"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"GRIB\x00\x00\x00\x02", "GRIB"),
        (b"\x01\r\r\n001\r\r\nIUSK BUFR\x00", "BUFR"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\x00\x00\x27\x0a" + b"\x00" * 96, "Shapefile"),
        (b"SQLite format 3\x00", "GeoPackage"),
        (b"PK\x03\x04zip", "Archive"),
        (b"%PDF-1.7", "PDF"),
        (b"<html></html>", "XML"),
        (b"[1, 2]", "array"),
        (b'{"type": "Catalog", "stac_version": "1.0.0"}', "catalog"),
        (b'{"type": "Topology", "objects": {}}', "TopoJSON"),
        (b'{"a": 1}', "neither GeoJSON nor STAC"),
        (b"\x00\x01\x02\x03", "not taken in"),
        (b"just words\nand more of them\n", "not taken in"),
        (gzip.compress(b'{"type": "Point"}', mtime=0), "gzip"),
        (b"\x1f\x8b\x08damaged", "damaged"),
    ],
)
def test_refusals_name_reason_and_remedy(tmp_path, content, words):
    path = tmp_path / "file"
    path.write_bytes(content)

    with pytest.raises(UnreadableFileError) as raised:
        detect(path)

    assert words in raised.value.reason
    assert raised.value.remedy


@pytest.mark.parametrize(
    "content",
    [
        b"<VRTDataset rasterXSize='1'><SourceFilename>/etc/passwd</SourceFilename></VRTDataset>",
        b"<?xml version='1.0'?><OGRVRTDataSource/>",
        b"<GDALTileIndexDataset><IndexDataset>x.gpkg</IndexDataset></GDALTileIndexDataset>",
        b"<GDAL_WMS><Service/></GDAL_WMS>",
        b'{"version": 1, "refs": {"x/0": ["https://elsewhere.example/x", 0, 10]}}',
    ],
)
def test_files_that_point_elsewhere(tmp_path, content):
    path = tmp_path / "disguised.tif"
    path.write_bytes(content)

    with pytest.raises(ForeignReferenceError):
        detect(path)


def test_links_and_directories(tmp_path):
    link = tmp_path / "link.tif"
    link.symlink_to(write_geotiff(tmp_path / "real.tif"))
    with pytest.raises(ForeignReferenceError, match="symbolic link"):
        detect(link)
    (tmp_path / "folder").mkdir()
    with pytest.raises(UnreadableFileError, match="no Zarr store"):
        detect(tmp_path / "folder")
