"""Whole sites: one in this process, one in a process of its own."""

import pytest

from twinlake.testing.site import local_site, site_process


@pytest.fixture
async def site(tmp_path):
    async with local_site(tmp_path) as opened:
        yield opened


@pytest.fixture
def running(tmp_path):
    with site_process(tmp_path) as serving:
        yield serving


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    """A running site that tests leave as it is."""
    with site_process(tmp_path_factory.mktemp("steady")) as serving:
        yield serving
