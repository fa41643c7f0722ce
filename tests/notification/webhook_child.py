"""A site that announces numbers up to a total and delivers them to its webhooks, until it is killed."""

import asyncio
import os
import sys
from pathlib import Path

from notification.test_webhooks import MIGRATIONS, WebhookSite
from twinlake.core.clock import SystemClock
from twinlake.engines.database import SqliteDatabase


class Origin:
    def __init__(self, origin):
        self.origin = origin


async def announce_numbers(site, total):
    while (latest := await site.database.read(site.log.latest_seq)) < total:
        await site.announce(str(latest + 1))


async def main(path, origin, total):
    async with SqliteDatabase(Path(path), migrations=MIGRATIONS) as database:
        site = WebhookSite(database, SystemClock(), [Origin(origin)])
        os.write(1, b"ready\n")
        await asyncio.gather(site.dispatcher.run(), announce_numbers(site, total))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
