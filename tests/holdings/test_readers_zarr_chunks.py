"""Chunks that are unpacked to where their values go, against zarr-python."""

import zipfile

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from numcodecs import LZ4, Blosc, Zlib, Zstd
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec
from zarr.storage import LocalStore

from twinlake.holdings.readers.errors import UnreadableFileError
from twinlake.holdings.readers.memory import Memory
from twinlake.holdings.readers.zarr_members import find_members
from twinlake.holdings.readers.zarr_store import open_arrays

PACKINGS = {
    2: [None, Zstd(level=1), Blosc(cname="lz4", clevel=1), Zlib(), LZ4()],
    3: [None, ZstdCodec(level=1), BloscCodec(cname="lz4", typesize=4), GzipCodec(level=1)],
}


def write(path, values, chunks, zarr_format=3, packing=None, **options):
    """Write *values* as the array ``v`` of a store."""
    group = zarr.open_group(LocalStore(path), mode="w", zarr_format=zarr_format)
    array = group.create_array("v", shape=values.shape, chunks=chunks, dtype=values.dtype, compressors=packing, **options)
    array[...] = values
    return path


def pack(folder, path):
    """Put the files of a store into an archive, not packed."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in find_members(folder).sizes:
            archive.write(folder / name, name)
    return path


@st.composite
def cases(draw):
    """Draw an array's lengths, those of its chunks, and a selection."""
    lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    chunks = [draw(st.integers(1, 10)) for _ in lengths]
    starts = [draw(st.integers(0, each - 1)) for each in lengths]
    ends = [draw(st.integers(start + 1, each)) for start, each in zip(starts, lengths, strict=True)]
    return tuple(lengths), tuple(chunks), tuple(slice(start, end) for start, end in zip(starts, ends, strict=True))


@given(case=cases(), zarr_format=st.sampled_from([2, 3]), data=st.data(), dtype=st.sampled_from(["f4", "i2", "u1", "f8", "?"]))
def test_any_selection_is_what_was_written(tmp_path_factory, case, zarr_format, data, dtype):
    """However chunks lie, are called and are packed, in a folder and in an archive."""
    shape, chunks, selection = case
    separator = data.draw(st.sampled_from([".", "/"]))
    packing = data.draw(st.sampled_from(PACKINGS[zarr_format]))
    values = np.arange(1, np.prod(shape) + 1).reshape(shape).astype(dtype)
    path = tmp_path_factory.mktemp("store")
    encoding = {"name": data.draw(st.sampled_from(["default", "v2"])) if zarr_format == 3 else "v2", "separator": separator}
    write(path, values, chunks, zarr_format, packing, chunk_key_encoding=encoding)
    for place in (path, pack(path, path.with_suffix(".zip"))):
        with open_arrays(place) as file:
            for _ in range(2):
                read = file.variables["v"].read(selection)
                assert read.dtype == values.dtype
                np.testing.assert_array_equal(read, values[selection])


@pytest.mark.parametrize("selection", [(slice(0, 8, 2), slice(0, 6)), (3, slice(0, 6)), (slice(5, 5), slice(0, 6))])
def test_what_is_not_plain_is_read_too(tmp_path, selection):
    """Steps, single places, nothing; and chunks that were never written have what fills them."""
    values = np.zeros((8, 6), "f4")
    values[:4] = np.arange(24).reshape(4, 6)
    write(tmp_path, values, (4, 3), fill_value=0.0)
    with open_arrays(tmp_path) as file:
        np.testing.assert_array_equal(file.variables["v"].read(selection), values[selection])
        np.testing.assert_array_equal(file.variables["v"].read((slice(0, 8), slice(0, 6))), values)


@pytest.mark.parametrize("options", [{"shards": (8, 6)}, {"filters": [zarr.codecs.TransposeCodec(order=(1, 0))]}])
def test_shards_and_filters(tmp_path, options):
    """They are read as before."""
    values = np.arange(48, dtype="f4").reshape(8, 6)
    write(tmp_path, values, (4, 3), **options)
    with open_arrays(tmp_path) as file:
        np.testing.assert_array_equal(file.variables["v"].read((slice(1, 8), slice(2, 6))), values[1:, 2:])


@pytest.mark.parametrize("packing", [None, ZstdCodec(level=1), BloscCodec(cname="lz4", typesize=4), GzipCodec(level=1)])
def test_a_chunk_of_another_size_is_refused(tmp_path, packing):
    """None of what was in the memory before is taken for values of it."""
    values = np.arange(1000, dtype="f4")
    write(tmp_path / "a", values, (500,), 3, packing)
    write(tmp_path / "b", values[:400], (400,), 3, packing)
    (tmp_path / "b/v/c/0").rename(tmp_path / "a/v/c/1")
    with open_arrays(tmp_path / "a") as file:
        np.testing.assert_array_equal(file.variables["v"].read((slice(0, 500),)), values[:500])
        for selection in (slice(0, 1000), slice(600, 700)):
            with pytest.raises(UnreadableFileError):
                file.variables["v"].read((selection,))


def test_a_chunk_that_ends_too_early(tmp_path):
    """A file that became shorter, and one that is damaged."""
    write(tmp_path, np.arange(1000, dtype="f4"), (1000,), 3, ZstdCodec(level=1))
    chunk = tmp_path / "v/c/0"
    with open_arrays(tmp_path) as file:
        content = chunk.read_bytes()
        for damaged in (content[:-10], content[:20] + bytes(len(content) - 20)):
            chunk.write_bytes(damaged)
            with pytest.raises(UnreadableFileError):
                file.variables["v"].read((slice(0, 1000),))


def test_memory_is_used_again_when_nobody_looks_at_it(tmp_path):
    """What is held, or a view of it is, stays as it is."""
    values = np.arange(1000, dtype="f4")
    write(tmp_path, values, (100,), 3, ZstdCodec(level=1))
    memory = Memory()
    with open_arrays(tmp_path, memory) as file:
        variable = file.variables["v"]
        held = variable.read((slice(0, 300),))[10:20].reshape(2, 5)
        other = variable.read((slice(300, 600),))
        assert not np.shares_memory(held, other)
        np.testing.assert_array_equal(held.reshape(-1), values[10:20])
        address = other.ctypes.data
        del other
        assert variable.read((slice(600, 850),)).ctypes.data == address
        np.testing.assert_array_equal(held.reshape(-1), values[10:20])


def test_files_do_not_mix_in_one_memory(tmp_path):
    """The chunk that was unpacked last is known by its file, too."""
    memory = Memory()
    for number in range(2):
        write(tmp_path / str(number), np.full(100, number, dtype="f4"), (100,), 3, ZstdCodec(level=1))
    for number in (0, 1, 0):
        with open_arrays(tmp_path / str(number), memory) as file:
            assert (file.variables["v"].read((slice(10, 20),)) == number).all()
