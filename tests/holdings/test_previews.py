"""Tiles are drawn in a child; a file that kills or hangs it costs that child and one answer."""

import ctypes
import io
import json
import socket

import numpy as np
import pytest
import pytest_asyncio
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from twinlake.holdings.previews import PreviewRenderer, TileRequest
from twinlake.holdings.previews import renderer as rendering
from twinlake.holdings.previews.renderer import UndrawableError

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]
ZURICH = {"z": 9, "x": 268, "y": 179}  # the WebMercatorQuad tile over 8.5 E, 47.4 N
needs_landlock = pytest.mark.skipif(
    ctypes.CDLL(None).syscall(444, None, 0, 1) < 4, reason="this kernel has no Landlock that also guards the network"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def renderer(tmp_path_factory):
    async with PreviewRenderer(folder=tmp_path_factory.mktemp("previews")) as renderer:
        yield renderer


def _write(path, *, bands=1, dtype="float32", crs="EPSG:4326"):
    rows, columns = np.mgrid[0:200, 0:200]
    with rasterio.open(
        path, "w", driver="GTiff", width=200, height=200, count=bands, dtype=dtype, crs=crs,
        transform=from_origin(8.0, 48.0, 0.005, 0.005),
    ) as target:  # fmt: skip
        for band in range(1, bands + 1):
            target.write((rows + columns * band).astype(dtype), band)
    return path


def _pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGBA"))


@pytest.mark.parametrize(("bands", "dtype"), [(1, "float32"), (1, "uint8"), (3, "uint8"), (4, "uint16")])
async def test_a_raster_is_drawn_with_many_colours(renderer, tmp_path, bands, dtype):
    picture = _pixels(await renderer.draw(TileRequest(str(_write(tmp_path / "a.tif", bands=bands, dtype=dtype)), **ZURICH)))

    assert picture.shape == (256, 256, 4)
    assert len(np.unique(picture.reshape(-1, 4), axis=0)) > 50


async def test_what_is_in_a_raster_is_told_with_the_scale_of_its_tiles(renderer, tmp_path):
    summary = await renderer.summarise(str(_write(tmp_path / "a.tif")))

    [band] = summary.bands
    assert (band.name, band.minimum, band.maximum, band.mean, band.valid) == ("Band 1", 0, 398, 199, 1)
    assert band.deviation == pytest.approx(np.hypot(57.73, 57.73), rel=1e-3)
    assert 0 < summary.scale.lowest < 199 < summary.scale.highest < 398
    assert (summary.scale.colours[0], summary.scale.colours[-1]) == ("#440154", "#fde724")
    colours = await renderer.summarise(str(_write(tmp_path / "b.tif", bands=4, dtype="uint16")))
    assert (len(colours.bands), colours.shown, colours.scale) == (4, (0, 1, 2), None)


async def test_the_bands_that_are_named_are_drawn(renderer, tmp_path):
    path = str(_write(tmp_path / "a.tif", bands=5))
    usual, swapped = [_pixels(await renderer.draw(TileRequest(path, **ZURICH, bands=each))) for each in ((0, 1, 2), (2, 1, 0))]

    assert (usual == swapped[..., [2, 1, 0, 3]]).all()
    assert (usual != swapped).any()
    assert (await renderer.summarise(path, (4, 1, 0))).shown == (4, 1, 0)
    assert (await renderer.summarise(path)).shown == (0,)
    with pytest.raises(UndrawableError):
        await renderer.summarise(path, (5, 1, 0))


async def test_what_is_no_raster_has_nothing_in_it(renderer, tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\x00 nothing")
    with pytest.raises(UndrawableError):
        await renderer.summarise(str(tmp_path / "a.tif"))


async def test_beside_the_raster_a_tile_is_transparent(renderer, tmp_path):
    picture = _pixels(await renderer.draw(TileRequest(str(_write(tmp_path / "a.tif")), z=9, x=0, y=0)))

    assert not picture[..., 3].any()


async def test_a_world_of_which_longitudes_count_from_0_is_drawn_on_both_sides(renderer, tmp_path):
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "width": 360, "height": 160, "crs": "EPSG:4326"}
    with rasterio.open(tmp_path / "a.tif", "w", transform=from_origin(0, 80, 1, 1), **profile) as target:
        target.write(np.tile(np.arange(360, dtype="float32"), (160, 1)), 1)

    world, west, east = [
        _pixels(await renderer.draw(TileRequest(str(tmp_path / "a.tif"), z=z, x=x, y=0))) for z, x in ((0, 0), (1, 0), (1, 1))
    ]

    assert (world[200, :, 3] == 255).all()
    greens = np.concatenate([east[200, :, 1], west[200, :, 1]]).astype(int)
    assert (np.diff(greens) >= -1).all(), "the colours go on from 0 to 360 degrees"
    assert greens[-1] - greens[0] > 200


async def test_a_file_that_is_no_raster_is_refused_and_the_next_one_drawn(renderer, tmp_path):
    (tmp_path / "bad.tif").write_bytes(b"II*\x00 nothing")

    with pytest.raises(UndrawableError):
        await renderer.draw(TileRequest(str(tmp_path / "bad.tif"), **ZURICH))
    assert await renderer.draw(TileRequest(str(_write(tmp_path / "a.tif")), **ZURICH))


async def test_after_its_child_was_killed_a_new_one_draws(renderer, tmp_path):
    request = TileRequest(str(_write(tmp_path / "a.tif")), **ZURICH)
    first = await renderer.draw(request)
    renderer._worker._child.kill()
    await renderer._worker._child.wait()

    assert await renderer.draw(request) == first


async def test_values_that_are_none_are_transparent(renderer, tmp_path):
    path = _write(tmp_path / "a.tif")
    with rasterio.open(path, "r+") as target:
        values = target.read(1)
        values[:, :100] = np.nan
        target.write(values, 1)

    alpha = _pixels(await renderer.draw(TileRequest(str(path), **ZURICH)))[..., 3]

    assert set(np.unique(alpha)) == {0, 255}


async def test_a_file_that_was_replaced_is_stretched_anew(renderer, tmp_path):
    request = TileRequest(str(_write(tmp_path / "a.tif")), **ZURICH)
    first = await renderer.draw(request)
    with rasterio.open(request.path, "r+") as target:
        target.write(target.read(1) * 1000 + 5, 1)

    assert (_pixels(await renderer.draw(request)) == _pixels(first)).mean() > 0.99


async def test_a_linked_file_is_drawn_where_it_lies(tmp_path):
    (tmp_path / "archive").mkdir()
    path = _write(tmp_path / "archive" / "a.tif")
    async with PreviewRenderer(folder=tmp_path / "previews", readable=[tmp_path / "archive"]) as renderer:
        assert _pixels(await renderer.draw(TileRequest(str(path), **ZURICH))).any()
        assert path.stat().st_nlink == 1


@needs_landlock
async def test_a_link_out_of_the_roots_is_not_followed(tmp_path):
    (tmp_path / "archive").mkdir()
    link = tmp_path / "archive" / "a.tif"
    link.symlink_to(_write(tmp_path / "elsewhere.tif"))
    async with PreviewRenderer(folder=tmp_path / "previews", readable=[tmp_path / "archive"]) as renderer:
        with pytest.raises(UndrawableError):
            await renderer.draw(TileRequest(str(link), **ZURICH))


@needs_landlock
async def test_its_child_reads_its_input_alone_and_has_no_network(tmp_path, monkeypatch):
    monkeypatch.setattr(rendering, "_CHILD", "twinlake.testing.preview_child")
    objects, key = tmp_path / "objects", tmp_path / "site.key"
    objects.mkdir()
    key.write_bytes(b"secret")
    (objects / "another").write_bytes(b"another's data")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        tries = {
            "input": "open('../inputs/script').read()",
            "scratch": "open('mine', 'w').write('x')",
            "key": f"open({str(key)!r}).read()",
            "another": f"open({str(objects / 'another')!r}).read()",
            "listing": f"os.listdir({str(tmp_path)!r})",
            "input changed": "open('../inputs/script', 'a')",
            "input removed": "os.remove('../inputs/script')",
            "tcp": f"socket.create_connection({listener.getsockname()!r}, 1)",
            "tcp server": "socket.create_server(('127.0.0.1', 0))",
        }
        script = "import os, socket, json\nfound = {}\n" + "".join(
            f"try:\n    {statement}\n    found[{name!r}] = 'done'\nexcept OSError as error:\n    found[{name!r}] = error.errno\n"
            for name, statement in tries.items()
        )
        (objects / "script").write_text(script + "print(json.dumps(found))")
        async with PreviewRenderer(folder=tmp_path / "previews") as renderer:
            found = json.loads(await renderer.draw(TileRequest(str(objects / "script"), **ZURICH)))

    assert found == {name: "done" if name in {"input", "scratch"} else 13 for name in tries}, "EACCES"
    assert [path.name for path in tmp_path.iterdir() if path.name == "previews"] == []
