"""What all formats have in common: tiles of any size make the same bytes, and there are all files or none."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processing.openeo.formats.drawn import FACTS, contents, cuts, hollow, part, rasters, save, vectors, whole
from processing.openeo.rasters import T, X, Y, a_cube
from twinlake.processing.openeo.formats.registry import find_format, list_formats
from twinlake.processing.openeo.formats.writing import write, write_plain
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.standards.openeo.errors import InternalError, ProcessError, ProcessParameterInvalidError

NAMES = [each.name for each in list_formats()]
DRAWN = {
    "GTiff": rasters(), "COG": rasters(), "netCDF": rasters(more=True), "Zarr": rasters(more=True), "Parquet": vectors(),
    "GeoJSON": vectors(), "CSV": vectors(), "JSON": vectors(), "PNG": rasters(counts=(1, 3)),
}  # fmt: skip
FEW = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.mark.parametrize("named", NAMES)
@FEW
@given(data=st.data())
def test_tiles_of_any_size_make_the_same_bytes(named, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cut")
    cube = data.draw(DRAWN[named])
    if named in {"GTiff", "COG", "netCDF"} and is_full(cube):
        return
    one = save(cube, whole(cube), folder / "whole", named)
    other = save(cube, data.draw(cuts(cube)), folder / "cut", named)

    assert one == other
    assert contents(folder / "whole") == contents(folder / "cut")
    assert {each.path.parts[0] for each in one} == {path.name for path in (folder / "whole").iterdir()}


def is_full(cube):
    """Whether there is no number left for no data in 64 bits."""
    return cube.values.data.dtype.name in {"int64", "uint64"} and not cube.values.where().all()


@pytest.mark.parametrize("named", [name for name in NAMES if name != "GeoJSON"])
def test_a_tile_that_is_missing_leaves_nothing(named, tmp_path):
    cube = a_cube()
    with pytest.raises(InternalError, match="do not make a whole"):
        save(cube, [part(cube, (slice(0, 2), slice(None), slice(None)))], tmp_path, named)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("named", [name for name in NAMES if name != "GeoJSON"])
def test_a_tile_of_another_type_leaves_nothing(named, tmp_path):
    cube = a_cube()
    with pytest.raises(InternalError, match="float64, and float32 was foreseen"):
        save(cube, whole(a_cube(dtype="float64")), tmp_path, named)
    assert hollow(cube).values.data.dtype == np.float32
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("named", [name for name in NAMES if name != "GeoJSON"])
def test_what_fails_on_the_way_leaves_what_was_there(named, tmp_path):
    cube = a_cube()
    written = save(cube, whole(cube), tmp_path, named)
    before = contents(tmp_path)

    def tiles():
        yield part(cube, (slice(0, 2), slice(None), slice(None)))
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        save(cube, tiles(), tmp_path, named)
    assert contents(tmp_path) == before
    assert save(cube, whole(cube), tmp_path, named) == written, "files are replaced"
    assert contents(tmp_path) == before


@pytest.mark.parametrize("named", [name for name in NAMES if name not in {"GeoJSON", "JSON", "CSV"}])
def test_containers_carry_the_graph_without_its_secrets(named, tmp_path):
    cube = a_cube()
    save(cube, whole(cube), tmp_path, named)
    stored = b"".join(contents(tmp_path).values())

    assert b"hidden" not in stored
    if named == "PNG":
        from PIL import Image

        with Image.open(next(tmp_path.iterdir())) as picture:
            assert json.loads(picture.text["openeo_process_graph"])["load"]["arguments"]["token"] == "removed"
            assert picture.text["Title"] == FACTS.title
        return
    text = stored.decode("utf-8", "replace")
    assert "load_stac" in text
    assert "a1b2" in text


@pytest.mark.parametrize("named", [name for name in NAMES if name != "GeoJSON"])
def test_names_of_files_come_of_prefix_stem_and_label(named, tmp_path):
    cube = a_cube()
    files = write(
        hollow(cube), whole(cube), format=named, options={"filename_prefix": "mine"}, folder=tmp_path, facts=FACTS, stem="save1"
    )
    suffix = find_format(named).suffix
    if named in {"GTiff", "COG", "PNG"}:
        assert [str(each.path) for each in files] == [f"mine_save1_2020-01-0{day}T000000Z{suffix}" for day in (1, 2, 3)]
    else:
        assert [str(each.path) for each in files] == [f"mine_save1{suffix}"]
    assert all(each.media_type and each.title.startswith(FACTS.title) for each in files)
    assert (files[0].start, files[-1].end) == ("2020-01-01T00:00:00Z", "2020-01-03T00:00:00Z")
    assert files[0].bbox == pytest.approx((-1.5, 0, -1.488, 0.00002), abs=2), "of 32631"


@pytest.mark.parametrize("named", [name for name in NAMES if name != "GeoJSON"])
def test_a_tile_of_other_dimensions_leaves_nothing(named, tmp_path):
    with pytest.raises(InternalError, match="other dimensions"):
        save(a_cube(), whole(a_cube(dimensions=(Y, T, X))), tmp_path, named)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("named", [name for name in NAMES if name != "GeoJSON"])
@pytest.mark.parametrize("window", [{"t": slice(0, 1)}, {"y": slice(0, 0)}, {"x": slice(2, 1)}])
def test_a_tile_of_another_size_leaves_nothing(named, window, tmp_path):
    with pytest.raises(InternalError, match="not as large as its window"):
        save(a_cube(), [(window, a_cube())], tmp_path, named)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("named", [name for name in NAMES if name != "GeoJSON"])
def test_labels_and_titles_may_hold_any_character(named, tmp_path):
    odd = "\x00\x0b\r\n<&]]>\"'\ufffe ü\U0001f30d/../%s"
    bands = Dimension(name="bands", kind="bands", labels=(odd,))
    time = Dimension(name="t", kind="temporal", labels=(odd,))
    cube = a_cube(dimensions=(bands, time, Y, X))
    facts = replace(FACTS, title=odd, identifier=odd, graph={odd: odd})
    files = write(hollow(cube), whole(cube), format=named, options={}, folder=tmp_path, facts=facts)
    assert [path.name for path in tmp_path.iterdir()] == [str(each.path) for each in files]


def test_equal_labels_make_different_files(tmp_path):
    time = T.relabel(("a/../b", "a/../b", "a:..-b"))
    cube = a_cube(dtype="int16", dimensions=(time, Y, X))
    files = save(cube, whole(cube), tmp_path, "PNG")
    assert sorted(str(each.path) for each in files) == ["result_a-..-b.png", "result_a-..-b_2.png", "result_a..-b.png"]
    assert {path.name for path in tmp_path.iterdir()} == {str(each.path) for each in files}


def test_options_are_checked_before_a_tile_is_taken(tmp_path):
    def tiles():
        raise AssertionError("a tile was taken")
        yield

    cube = a_cube()
    with pytest.raises(ProcessParameterInvalidError, match="'compress'"):
        save(cube, tiles(), tmp_path, "GTiff", compress="JPEG")
    with pytest.raises(ProcessError, match=r"GeoJSON holds vector data, and this is raster\. Save it as netCDF"):
        save(cube, tiles(), tmp_path, "GeoJSON")
    with pytest.raises(ProcessParameterInvalidError, match="less than"):
        save(cube, tiles(), tmp_path, "PNG", minimum=2, maximum=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("named", ["GTiff", "COG", "netCDF", "Zarr", "PNG"])
def test_a_reference_system_that_is_none_is_told(tmp_path, named):
    y, x = (msgspec.structs.replace(each, crs="GEOGCRS[...]") for each in (Y, X))
    cube = a_cube(dimensions=(T, y, x))
    with pytest.raises(ProcessError, match="CRS is not understood") as refused:
        save(cube, whole(cube), tmp_path, named)
    assert refused.value.reason == "FormatUnsuitable"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [3, None, [1, None, "ü"], {"a": 1.5}])
def test_plain_values_are_json(tmp_path, value):
    written = write_plain(value, format="json", options={}, folder=tmp_path, facts=FACTS)
    assert json.loads((tmp_path / written[0].path).read_text()) == value
    with pytest.raises(ProcessError, match="Save it as JSON"):
        write_plain(value, format="CSV", options={}, folder=tmp_path, facts=FACTS)


CRASH = """
import os, signal, sys
from pathlib import Path
from processing.openeo.formats.drawn import part, save
from processing.openeo.rasters import a_cube

cube = a_cube()

def tiles():
    yield part(cube, (slice(0, 2), slice(None), slice(None)))
    if sys.argv[3] == "tile":
        os.kill(os.getpid(), signal.SIGKILL)
    yield part(cube, (slice(2, 3), slice(None), slice(None)))

def die(_):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[3] == "sync":
    os.fsync = die
save(cube, tiles(), Path(sys.argv[1]), sys.argv[2])
"""


@pytest.mark.slow
@pytest.mark.parametrize("when", ["tile", "sync"])
@pytest.mark.parametrize("named", ["COG", "Zarr"])
def test_a_crash_leaves_no_file_that_has_its_name(tmp_path, named, when):
    tests = Path(__file__).parents[3]
    code = subprocess.run(
        [sys.executable, "-c", CRASH, str(tmp_path), named, when], check=False, env={**os.environ, "PYTHONPATH": str(tests)}
    ).returncode
    assert code == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".writing-")

    written = save(a_cube(), whole(a_cube()), tmp_path, named)
    assert {path.name for path in tmp_path.iterdir()} == {left.name, *(str(each.path) for each in written)}
