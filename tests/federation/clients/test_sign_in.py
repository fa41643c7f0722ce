"""authlib, openeo's helper for devices and python-keycloak, unmodified, at whole sites: what they get counts at real routes."""

import jwt
import pytest
import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from keycloak import KeycloakOpenID, KeycloakPostError
from lxml import html

from federation.clients.lake import DESP, REALM
from openeo_device import sign_in_device

pytestmark = pytest.mark.slow  # of three processes

RIGHT, WRONG = "v" * 48, "w" * 48


def sign_in(lake, browser, url, username):
    """Go to *url* and fill in the form; return where that leads, not followed."""
    form = html.fromstring(browser.get(url).content.decode()).forms[0]
    credentials = {"username": username, "password": lake.password(username)}
    return browser.post(form.action, data=credentials, allow_redirects=False).headers["location"]


def discover(url):
    return requests.get(f"{url}/.well-known/openid-configuration", timeout=10).json()


def assert_finds_everything(lake, site, token):
    with site.client(token) as client:
        assert client.post("/stac/v2/search", json={}).json()["numberMatched"] == len(lake.files)


def test_authlib_signs_in_at_central_for_a_bridge_with_pkce(lake):
    bridge = lake.sites["climate"]
    told = discover(f"{lake.central.url}{DESP.removesuffix('/protocol/openid-connect')}")
    with OAuth2Session(
        "dedl-hda",
        scope="openid",
        redirect_uri=f"{bridge.url}/stac/v2",
        code_challenge_method="S256",
        token_endpoint_auth_method="none",
    ) as web:
        url, state = web.create_authorization_url(told["authorization_endpoint"], code_verifier=RIGHT, nonce="n")

        def redeem(verifier):
            with requests.Session() as browser:
                answer = sign_in(lake, browser, url, "visitor")
            return web.fetch_token(told["token_endpoint"], authorization_response=answer, code_verifier=verifier, state=state)

        with pytest.raises(OAuthError, match="invalid_grant"):
            redeem(WRONG)
        token = redeem(RIGHT)
        again = web.refresh_token(told["token_endpoint"], refresh_token=token["refresh_token"])

    key = jwt.PyJWKClient(told["jwks_uri"]).get_signing_key_from_jwt(token["id_token"]).key
    identity = jwt.decode(token["id_token"], key, algorithms=["RS256"], audience="dedl-hda", issuer=told["issuer"])
    assert (identity["nonce"], identity["preferred_username"]) == ("n", "visitor")
    changed = lake.exchange(again["access_token"], at="climate")
    assert_finds_everything(lake, bridge, changed.json()["access_token"])
    assert lake.exchange(again["access_token"], at="central").status_code == 400


def test_openeo_is_let_in_from_another_device_and_comes_back(lake):
    tokens, renewed = sign_in_device(
        f"{lake.central.url}/auth/realms/dedl",
        ["search", "read"],
        sign_in=lambda browser, url: sign_in(lake, browser, url, "visitor"),
    )

    for token in (tokens, *renewed):
        assert_finds_everything(lake, lake.central, token.access_token)


def test_keycloaks_own_client_signs_in_and_out(lake):
    client = KeycloakOpenID(server_url=f"{lake.central.url}/auth/", client_id="dedl-stack-public-client", realm_name="dedl")

    first = client.token("visitor", lake.password("visitor"), scope="openid")
    token = client.refresh_token(first["refresh_token"])

    told = client.well_known()
    key = jwt.PyJWKClient(told["jwks_uri"]).get_signing_key_from_jwt(token["access_token"]).key
    claims = jwt.decode(token["access_token"], key, algorithms=["RS256"], audience="account", issuer=told["issuer"])
    assert client.userinfo(token["access_token"])["preferred_username"] == claims["preferred_username"] == "visitor"
    assert_finds_everything(lake, lake.central, token["access_token"])
    client.logout(token["refresh_token"])
    assert requests.get(f"{lake.central.url}{REALM}/userinfo", headers=bearer(token), timeout=10).status_code == 401
    assert requests.get(f"{lake.central.url}/api/me", headers=bearer(token), timeout=10).status_code == 401
    with pytest.raises(KeycloakPostError):
        client.refresh_token(token["refresh_token"])


def test_who_signs_out_at_home_is_signed_out_at_every_site_at_once(lake):
    desp = lake.desp_token("visitor", of="climate")
    there = {"access_token": lake.exchange(desp["access_token"], at="climate").json()["access_token"]}
    me = f"{lake.sites['climate'].url}/api/me"
    assert requests.get(me, headers=bearer(there), timeout=10).status_code == 200

    logout = {"client_id": "dedl-hda", "refresh_token": desp["refresh_token"]}
    assert requests.post(f"{lake.central.url}{DESP}/logout", data=logout, timeout=30).status_code == 204

    assert requests.get(me, headers=bearer(there), timeout=10).status_code == 401


def bearer(token):
    return {"authorization": f"Bearer {token['access_token']}"}
