"""Kill -9 of the site and failures of the receiver: each event arrives at least once, in order."""

import asyncio
import os
import sys
from itertools import groupby
from pathlib import Path

import pytest

from notification.conftest import caller_named
from notification.test_webhooks import MIGRATIONS, WebhookSite
from notification.webhook_receiver import Receiver
from twinlake.core.clock import SystemClock
from twinlake.engines.database import SqliteDatabase
from twinlake.events.models import EVERY_EVENT

pytestmark = pytest.mark.slow

CHILD = Path(__file__).with_name("webhook_child.py")
PER_ROUND = 25


async def run_until_killed(path, receiver, *, total, until):
    """Run the site until what was accepted fulfils *until*, then kill it."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, CHILD, path, receiver.origin, str(total),
        stdout=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(CHILD.parents[1])},
    )  # fmt: skip
    assert await child.stdout.readline() == b"ready\n"
    await receiver.wait_until(until)
    child.kill()
    await child.communicate()


def last_number(receiver):
    return int(receiver.subjects()[-1]) if receiver.messages else 0


async def check_rounds(tmp_path, rounds):
    path = tmp_path / "site.db"
    total = rounds * PER_ROUND
    async with Receiver() as receiver:
        async with SqliteDatabase(path, migrations=MIGRATIONS) as database:
            site = WebhookSite(database, SystemClock(), [receiver])
            await site.webhooks.subscribe(caller_named("ada"), receiver.url, EVERY_EVENT, from_id=None)
        for n in range(1, rounds + 1):
            await run_until_killed(path, receiver, total=total, until=lambda n=n: last_number(receiver) >= n * PER_ROUND)

    assert [subject for subject, _ in groupby(receiver.subjects())] == [str(n) for n in range(1, total + 1)]
    assert len(receiver.messages) <= total + rounds


async def test_no_event_is_lost_or_out_of_order_over_kills(tmp_path):
    await check_rounds(tmp_path, 3)


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_no_event_is_lost_or_out_of_order_over_500_kills(tmp_path):
    await check_rounds(tmp_path, 500)
