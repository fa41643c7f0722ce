"""A program that writes until it cannot: prints each number once it is durable, and how it ended."""

import asyncio
import os
import sys
from pathlib import Path

from twinlake.core.errors import StorageFailedError, StorageFullError
from twinlake.engines.database import SqliteDatabase
from twinlake.testing.database import MIGRATIONS, insert


def say(text):
    os.write(1, f"{text}\n".encode())


async def write_numbers(database, first, step, count):
    for n in range(first, count, step):
        await database.write(insert(n))
        say(n)


async def main(path, count, writers):
    database = SqliteDatabase(Path(path), migrations=MIGRATIONS)
    say("ready")
    async with database:
        outcomes = await asyncio.gather(
            *(write_numbers(database, k, writers, count) for k in range(writers)), return_exceptions=True
        )
        errors = [outcome for outcome in outcomes if outcome is not None]
        if any(not isinstance(error, StorageFailedError | StorageFullError) for error in errors):
            raise errors[0]
        if errors:
            say(type(errors[0]).__name__)
            await try_again(database, count)
        else:
            say("done")


async def try_again(database, count):
    try:
        await database.write(insert(count))
        say("went on")
    except (StorageFailedError, StorageFullError) as error:
        say(f"still {type(error).__name__}")
    say(f"reads {await database.read(lambda tx: tx.execute('select count(*) from number').fetchone()[0])}")


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
