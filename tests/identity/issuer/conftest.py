import httpx2
import pytest

from identity.issuer.issuer_site import build_site, running_issuer


@pytest.fixture(scope="session")
def issuer(tmp_path_factory):
    """A site that listens; tests add accounts of their own to it and leave its clock alone."""
    with running_issuer(tmp_path_factory.mktemp("issuer")) as running:
        yield running


@pytest.fixture
async def site():
    """A site in this very thread, asked without a socket."""
    site = await build_site("http://issuer.test")
    async with site.database:
        yield site


@pytest.fixture
async def http(site):
    """A browser of sorts at `site`."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=site.app), base_url=site.url) as client:
        yield client
