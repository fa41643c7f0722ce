"""A lake for each module."""

import pytest_asyncio

from processing.openeo.loading.lake import open_lake


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lake(tmp_path_factory):
    async with open_lake(tmp_path_factory.mktemp("lake")) as lake:
        yield lake
