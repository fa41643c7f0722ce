"""Whose turn it is."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinlake.processing.openeo.desks import Desks
from twinlake.standards.openeo.errors import InfrastructureBusyError


class Room:
    """Three desks, and who sits at them."""

    def __init__(self, count=3):
        self.desks = Desks(list(range(count)))
        self.inside = []
        self.order = []
        self._ends = {}

    def come(self, owner, *, is_slow=False):
        end = asyncio.Event()
        task = asyncio.create_task(self._work(owner, is_slow, end))
        self._ends[task] = end
        return task

    async def _work(self, owner, is_slow, end):
        async with self.desks.take(owner, is_slow=is_slow):
            self.inside.append((owner, is_slow))
            self.order.append(owner)
            try:
                await end.wait()
            finally:
                self.inside.remove((owner, is_slow))

    async def end(self, task):
        self._ends[task].set()
        await task
        await settle()


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_slow_work_leaves_a_desk_to_the_quick():
    room = Room()
    slow = [room.come(owner, is_slow=True) for owner in "abc"]
    await settle()
    assert room.inside == [("a", True), ("b", True)]

    quick = room.come("d")
    await settle()
    assert ("d", False) in room.inside

    for each in (slow[0], quick, slow[1], slow[2]):
        await room.end(each)
    assert room.inside == []


async def test_nobody_has_two_desks_for_one_kind_of_work():
    room = Room()
    tasks = [room.come("a", is_slow=is_slow) for is_slow in (False, True, False, True)]
    await settle()

    assert sorted(room.inside) == [("a", False), ("a", True)]
    for each in tasks:
        await room.end(each)


async def test_who_was_served_longest_ago_goes_first():
    room, names = Room(count=2), "aaabbc"
    waits = [room.come(owner, is_slow=True) for owner in names]
    await settle()
    while room.inside:
        [(owner, _)] = room.inside
        await room.end(next(each for each, name in zip(waits, names, strict=True) if name == owner and not each.done()))

    assert "".join(room.order) == "abcaba"


async def test_too_many_are_turned_away_and_others_are_not():
    room = Room(count=2)
    many = [room.come("a") for _ in range(17)]
    await settle()
    with pytest.raises(InfrastructureBusyError, match="of yours"):
        async with room.desks.take("a", is_slow=False):
            pass

    other = room.come("b")
    await settle()
    assert ("b", False) in room.inside
    for each in (*many, other):
        await room.end(each)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=30), st.randoms())
@settings(max_examples=60, deadline=None)
def test_whenever_people_leave_the_desks_are_there_for_others(people, random):
    """Some leave while they wait, some while they work."""

    async def leave(tasks):
        task = tasks.pop(random.randrange(len(tasks)))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await settle()

    async def play():
        room, tasks = Room(), []
        for owner, is_slow in people:
            tasks.append(room.come(owner, is_slow=is_slow))
            await settle()
            if random.random() < 0.3:
                await leave(tasks)
        while tasks:
            await leave(tasks)
        async with AsyncExitStack() as stack:
            for owner, is_slow in (("x", False), ("y", True), ("z", True)):
                await asyncio.wait_for(stack.enter_async_context(room.desks.take(owner, is_slow=is_slow)), 10)

    asyncio.run(play())
