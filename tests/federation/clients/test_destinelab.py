"""destinelab, unmodified but for where it asks, through the whole chain at a real site; set up as docs/clients.md says."""

import pytest
from destinelab import AuthHandler, dedl_auth, desp_auth
from destinelab.dedl_auth import DEDLServiceAccountAuth
from destinelab.errors import InvalidCredentialsError
from destinelab.tools import token_tools
from destinelab.tools.token_tools import is_dedl_token_valid

pytestmark = pytest.mark.slow  # of three processes


@pytest.fixture(autouse=True)
def addresses(lake, monkeypatch):
    home = lake.central.url
    monkeypatch.setattr(desp_auth, "IAM_URL", home)
    monkeypatch.setattr(desp_auth, "SERVICE_URL", f"{home}/stac")
    monkeypatch.setattr(dedl_auth, "DEDL_TOKEN_URL", f"{home}/auth/realms/dedl/protocol/openid-connect/token")
    monkeypatch.setattr(token_tools, "DEDL_KEYCLOAK_SERVER_URL", f"{home}/auth/")


def test_it_signs_in_and_its_token_counts_at_every_route(lake):
    handler = AuthHandler("researcher", lake.password("researcher"))

    token = handler.get_token()

    assert is_dedl_token_valid(token)
    assert handler.is_DTaccess_allowed(token)
    with lake.central.client(token) as client:
        me = client.get("/api/me").json()
        found = client.post("/stac/v2/search", json={"limit": 100}).json()
    assert me["roles"] == ["DPAD_Direct_Access", "hda-low", "hda-public-data-access"]
    assert found["numberMatched"] == len(lake.files)
    assert "federation:missing" not in found


def test_who_has_no_direct_access_is_told_so(lake):
    handler = AuthHandler("visitor", lake.password("visitor"))
    assert not handler.is_DTaccess_allowed(handler.get_token())


def test_a_wrong_password_is_told_as_one():
    with pytest.raises(InvalidCredentialsError, match="Invalid username or password"):
        AuthHandler("researcher", "wrong").get_token()


def test_a_service_account_acts_for_its_owner_at_home_only(lake):
    client_id, secret = lake.add_key("researcher", roles="DPAD_Direct_Access")

    token = DEDLServiceAccountAuth(client_id, secret).get_token()

    assert is_dedl_token_valid(token)
    with lake.central.client(token) as client:
        assert client.get("/api/me").json()["roles"] == ["DPAD_Direct_Access"]
        assert client.post("/stac/v2/search", json={}).json()["numberMatched"] == len(lake.files)
    with lake.sites["climate"].client(token) as client:
        assert client.get("/api/me").status_code == 401
    with pytest.raises(InvalidCredentialsError):
        DEDLServiceAccountAuth(client_id, "wrong").get_token()
