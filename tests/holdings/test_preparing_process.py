"""Items of bulk loads are prepared in other processes as they would be in this one, and a process that ends takes nothing along."""

import asyncio
import signal

import msgspec
import orjson
import psutil
import pytest

from twinlake.core.errors import OverloadedError
from twinlake.holdings.catalogue.interfaces import ItemText
from twinlake.holdings.catalogue.preparing import Prepared, Preparer
from twinlake.holdings.catalogue.preparing_process import Batch, PreparingProcesses
from twinlake.testing.generated_items import generated_items
from twinlake.testing.odd_items import odd_item

PREPARER = Preparer(site_id="here", api_path="/stac/v2", data_prefix="https://lake.example/data/here/")


def batch(items, *, first=0, collection=None):
    return Batch(PREPARER, [ItemText(orjson.dumps(item)) for item in items], first, collection)


def started():
    return [process for process in psutil.Process().children() if "preparing_process" in " ".join(process.cmdline())]


async def test_a_process_prepares_as_this_one_does():
    mixed = batch([*generated_items(20), *map(odd_item, range(40)), {"type": "Feature"}], first=7)
    async with PreparingProcesses(count=2) as processes:
        assert started() == []
        prepared = await processes.prepare(mixed)
        assert len(started()) == 1

    here = PREPARER.prepare_texts(mixed.texts, first=mixed.first, collection=mixed.collection)
    assert prepared == msgspec.msgpack.decode(msgspec.msgpack.encode(here), type=Prepared)
    assert [refusal.number for refusal in prepared.refused] == [67]
    assert started() == []


async def test_who_waits_for_a_process_that_is_ended_is_told_and_the_next_gets_another():
    async with PreparingProcesses(count=1) as processes:
        await processes.prepare(batch(generated_items(1)))
        [process] = started()
        process.send_signal(signal.SIGSTOP)
        waiting = asyncio.create_task(processes.prepare(batch(generated_items(3))))
        await asyncio.sleep(0)
        process.kill()
        with pytest.raises(OverloadedError):
            await waiting

        assert len((await processes.prepare(batch(generated_items(4)))).items) == 4


async def test_an_answer_that_nobody_waits_for_reaches_nobody_else():
    async with PreparingProcesses(count=1) as processes:
        await processes.prepare(batch(generated_items(1)))
        [process] = started()
        process.send_signal(signal.SIGSTOP)
        given_up = asyncio.create_task(processes.prepare(batch(generated_items(5))))
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up

        assert len((await processes.prepare(batch(generated_items(2)))).items) == 2
