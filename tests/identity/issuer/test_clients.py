"""Clients of other people's, unmodified: EODAG, authlib, openeo, python-keycloak and PyJWT."""

from dataclasses import replace

import jwt
import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from eodag.config import PluginConfig
from eodag.plugins.authentication.token_exchange import OIDCTokenExchangeAuth
from eodag.utils.exceptions import AuthenticationError
from keycloak import KeycloakOpenID, KeycloakPostError
from lxml import html

from identity.issuer.browsing import DEVICE
from identity.issuer.issuer_site import PASSWORD, running_issuer
from openeo_device import sign_in_device
from twinlake.identity.actions import SCOPES
from twinlake.identity.issuer.models import AUTHORIZATION_CODE, REFRESH_TOKEN, Client
from twinlake.identity.secrets import hash_secret

SECRET = "s" * 43
PORTAL = Client(
    id="portal",
    title="Portal",
    realms=frozenset({"dedl"}),
    grants=frozenset({AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE}),
    site="central",
    redirect_uris=frozenset({"{url}/callback"}),
    secret_sha256=hash_secret(SECRET),
    scopes=frozenset(SCOPES),
)


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    with running_issuer(
        tmp_path_factory.mktemp("portal"), clients=[PORTAL, replace(PORTAL, id="app", title="An app", secret_sha256=None)]
    ) as running:
        yield running


def provider(issuer, username, password=PASSWORD):
    """Return EODAG's plugin as its ``dedl`` provider configures it, but for the addresses."""
    subject = {
        "oidc_config_url": f"{issuer.url}/realms/desp/.well-known/openid-configuration",
        "redirect_uri": f"{issuer.url}/stac/v2",
        "client_id": "dedl-hda",
        "user_consent_needed": False,
        "exchange_url_error_pattern": {"TERMS_AND_CONDITIONS": "Terms and conditions are not accepted"},
        "token_exchange_post_data_method": "data",
        "token_key": "access_token",
        "token_provision": "header",
        "login_form_xpath": "//form[@id='kc-form-login']",
        "authentication_uri_source": "login-form",
    }
    config = PluginConfig.from_mapping(
        {
            "type": "OIDCTokenExchangeAuth",
            "subject": subject,
            "subject_issuer": "desp-oidc",
            "token_uri": f"{issuer.url}/auth/realms/dedl/protocol/openid-connect/token",
            "client_id": "hda-public",
            "audience": "hda-public",
            "token_key": "access_token",
            "credentials": {"username": username, "password": password},
        }
    )
    return OIDCTokenExchangeAuth("dedl", config)


def sign_in(browser, url, username):
    """Go to *url* and fill in the form; return where that ends, not followed."""
    page = browser.get(url)
    action = html.fromstring(page.content.decode()).forms[0].action
    return browser.post(action, data={"username": username, "password": PASSWORD}, allow_redirects=False)


def test_eodag_signs_in_once_and_exchanges_many_times(issuer):
    issuer.add("eodag")
    plugin = provider(issuer, "eodag")

    tokens = [plugin.authenticate().token for _ in range(3)]

    claims = [jwt.decode(token, options={"verify_signature": False}) for token in tokens]
    assert len({claim["jti"] for claim in claims}) == 3
    assert len({claim["sid"] for claim in claims}) == 1
    plugin.subject.access_token_expiration = plugin.subject.access_token_expiration.replace(year=2000)
    assert plugin.authenticate().token  # by the refresh token


def test_eodag_is_told_of_a_wrong_password(issuer):
    issuer.add("eodag-errs")
    with pytest.raises(AuthenticationError, match="Invalid username or password"):
        provider(issuer, "eodag-errs", "wrong").authenticate()


def test_eodag_is_told_of_terms_not_accepted(tmp_path):
    with running_issuer(tmp_path, terms_url="https://lake.example/terms") as issuer:
        issuer.add("eodag")
        with pytest.raises(AuthenticationError, match="Terms and conditions are not accepted"):
            provider(issuer, "eodag").authenticate()


@pytest.mark.parametrize("client_id", ["app", "portal"])
def test_authlib_signs_in_with_pkce_and_refreshes(portal, client_id):
    portal.add(f"web-{client_id}")
    realm = portal.site.realm("dedl")
    keys = requests.get(f"{realm.url}/.well-known/openid-configuration", timeout=10).json()
    secret = SECRET if client_id == "portal" else None
    method = "client_secret_basic" if secret else "none"
    web = OAuth2Session(
        client_id,
        secret,
        scope="openid profile search admin",
        redirect_uri=f"{portal.url}/callback",
        code_challenge_method="S256",
        token_endpoint_auth_method=method,
    )
    url, state = web.create_authorization_url(keys["authorization_endpoint"], code_verifier="v" * 48, nonce="n")
    with requests.Session() as browser:
        answer = sign_in(browser, url, f"web-{client_id}")

    token = web.fetch_token(
        keys["token_endpoint"], authorization_response=answer.headers["location"], code_verifier="v" * 48, state=state
    )
    again = web.refresh_token(keys["token_endpoint"], refresh_token=token["refresh_token"])

    key = jwt.PyJWKClient(keys["jwks_uri"]).get_signing_key_from_jwt(token["id_token"]).key
    identity = jwt.decode(token["id_token"], key, algorithms=["RS256"], audience=client_id, issuer=realm.url)
    assert (identity["nonce"], identity["preferred_username"]) == ("n", f"web-{client_id}")
    assert again["refresh_token"] != token["refresh_token"]
    access = jwt.decode(again["access_token"], key, algorithms=["RS256"], audience="account", issuer=realm.url)
    assert access["scope"] == "admin openid profile search"
    told = web.get(keys["userinfo_endpoint"])
    assert told.json()["sub"] == identity["sub"]


def test_a_client_without_its_secret_or_pkce_gets_nothing(portal):
    portal.add("careless")
    realm = portal.site.realm("dedl")
    with requests.Session() as browser:
        asked = {"client_id": "portal", "redirect_uri": f"{portal.url}/callback", "response_type": "code", "state": "s"}
        answer = browser.get(realm.endpoint("auth"), params=asked, allow_redirects=False)
    assert "error=invalid_request" in answer.headers["location"]
    form = {"grant_type": "refresh_token", "refresh_token": "x" * 43}
    for credentials in ({"client_id": "portal"}, {"client_id": "portal", "client_secret": "wrong"}, {}):
        refused = requests.post(realm.endpoint("token"), data=form | credentials, timeout=10)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    refused = requests.post(realm.endpoint("token"), data=form, auth=("portal", "wrong"), timeout=10)
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Basic")
    known = requests.post(realm.endpoint("token"), data=form, auth=("portal", SECRET), timeout=10)
    assert known.json()["error"] == "invalid_grant"


@pytest.mark.slow
@pytest.mark.parametrize("use_pkce", [False, True])
def test_openeo_is_let_in_from_another_device(issuer, use_pkce):
    username = f"device-{use_pkce}"
    issuer.add(username, name="Jürgen")
    tokens, renewed = sign_in_device(
        f"{issuer.url}/auth/realms/dedl",
        ["search", "read", "profile"],
        sign_in=lambda browser, url: sign_in(browser, url, username).headers["location"],
        use_pkce=use_pkce,
    )

    assert {each.refresh_token for each in renewed} == {tokens.refresh_token}
    claims = jwt.decode(renewed[-1].access_token, options={"verify_signature": False})
    assert claims["scope"] == "offline_access openid profile read search"


def test_keycloaks_own_client_finds_its_way(issuer):
    issuer.add("keycloak")
    client = KeycloakOpenID(server_url=f"{issuer.url}/auth/", client_id="dedl-stack-public-client", realm_name="dedl")

    token = client.token("keycloak", PASSWORD, scope="openid")
    again = client.refresh_token(token["refresh_token"])

    claims = client.decode_token(again["access_token"], validate=False)
    assert "account" in claims["aud"]
    assert client.userinfo(again["access_token"])["preferred_username"] == "keycloak"
    assert client.well_known()["jwks_uri"].endswith("/auth/realms/dedl/protocol/openid-connect/certs")
    client.logout(again["refresh_token"])
    with pytest.raises(KeycloakPostError):
        client.refresh_token(again["refresh_token"])
