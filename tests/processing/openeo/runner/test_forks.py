"""Work that is shared by processes."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from processing.openeo.tiles.graphs import LOADED
from processing.openeo.tiles.sources import CubeSource, assert_same, compute_whole, tile_computing
from processing.openeo.tiles.test_tiles import CUBES, MEDIAN
from twinlake.processing.openeo.runner.forks import Forks
from twinlake.standards.openeo.errors import InternalError, ProcessError, ProcessGraphComplexityError


def _children():
    """Return the processes that this one has started and not waited for; tests beside may have some of their own."""
    return {pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


@pytest.fixture(autouse=True)
def _nothing_is_left():
    before = _children()
    yield
    assert _children() <= before


def test_everything_is_done_once_and_by_several(tmp_path):
    """Each number is worked on in one of the processes, and none of these is left."""

    def work(number):
        with (tmp_path / str(number)).open("x") as file:
            file.write(str(os.getpid()))

    assert sorted(Forks(3).run(range(40), work)) == list(range(40))
    pids = {path.read_text() for path in tmp_path.iterdir()}
    assert str(os.getpid()) not in pids


def test_the_first_error_ends_all():
    """It comes with its code and its words, and no process goes on."""

    def work(number):
        if number == 3:
            code = "OverlapResolverMissing"
            raise ProcessError(code, "Say what becomes of two values.")

    with pytest.raises(ProcessError, match="two values") as raised:
        list(Forks(2).run(range(100), work))
    assert raised.value.reason == "OverlapResolverMissing"


def test_a_mistake_is_an_internal_error(capfd):
    """What went wrong is for the operator."""

    def work(number):
        return 1 // number

    with pytest.raises(InternalError):
        list(Forks(2).run([0, 1], work))
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_a_process_that_dies_is_told():
    """It does not hang the others."""

    def work(number):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ProcessGraphComplexityError):
        list(Forks(2).run(range(4), work))


def test_one_thing_needs_no_process():
    """It is done here."""
    done = []
    assert list(Forks(4).run([7], done.append)) == [7]
    assert done == [7]


def test_tiles_of_several_processes_are_those_of_one(tmp_path):
    """To the bit."""
    cube = CUBES["float32"][LOADED]
    made = tile_computing(MEDIAN, {LOADED: CubeSource(cube)}, tmp_path, runner=Forks(3)).compute(["median"])["median"]
    assert len(list(made.tiles())) > 3
    assert_same(made.whole(), compute_whole(MEDIAN, {LOADED: cube}))


def test_what_tiles_take_is_counted_where_they_are_made_and_kept_with_them(tmp_path):
    """So a run that is taken up again knows it of all."""
    cube = CUBES["float32"][LOADED]
    first = tile_computing(MEDIAN, {LOADED: CubeSource(cube)}, tmp_path, runner=Forks(3))
    first.compute(["median"])
    again = tile_computing(MEDIAN, {LOADED: CubeSource(cube)}, tmp_path, runner=Forks(3))
    made = again.compute(["median"])["median"]

    [chain] = first.chains
    assert (chain.node, chain.tiles) == ("median", len(list(made.tiles())))
    assert chain.usage.read_bytes == cube.values.data.nbytes
    assert chain.usage.pixels >= made.whole().values.data.size
    assert chain.usage.cpu_seconds > 0
    assert again.chains == first.chains
    assert made.count_bytes() == made.whole().values.data.nbytes


TAKEN = 128 << 20


def _own_bytes():
    told = dict(line.split(":") for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    return int(told["Pss"].split()[0]) << 10


@pytest.mark.parametrize(("room", "most"), [(0.5, 1), (1.5, 1), (2.5, 2), (3.5, 3), (20, 4)])
def test_numbers_that_take_more_memory_than_was_told_are_done_by_fewer(tmp_path, room, most):
    """Of as many as there is *room* for *most* are at work, and one in any case; what comes of it is the same."""
    log = os.open(tmp_path / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def work(number):
        os.write(log, b"+1\n")
        taken = np.full(TAKEN // 8, float(number))
        (tmp_path / str(number)).write_text(str(taken.sum()))
        os.write(log, b"-1\n")

    numbers = range(16)
    done = list(Forks(4, _own_bytes() + int(room * TAKEN)).run(numbers, work, peak_bytes=1 << 20))
    os.close(log)

    assert sorted(done) == list(numbers)
    assert [float((tmp_path / str(number)).read_text()) for number in numbers] == [number * (TAKEN / 8) for number in numbers]
    at_work = np.cumsum([int(each) for each in (tmp_path / "log").read_text().split()])
    begun = np.flatnonzero(np.diff(at_work, prepend=0) > 0)
    # The first of each was begun by what was told; whoever is one too many ends with what it is at.
    assert at_work[begun[4:]].max() <= most
