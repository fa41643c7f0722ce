"""Three real sites with accounts and data, for clients that know nothing of Twinlake; tests leave them as they are."""

import pytest

from federation.clients.lake import Lake
from twinlake.testing.federation_sites import federated_sites


@pytest.fixture(scope="session")
def lake(tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("lake"))
    with federated_sites(lake.directory, fill=lake.take_in) as sites:
        lake.sites = sites
        lake.add_account("researcher", roles="DPAD_Direct_Access")
        lake.add_account("visitor")
        yield lake
