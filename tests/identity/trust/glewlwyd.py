"""Glewlwyd, an OpenID Connect provider of Debian's, with one client and one user, whose scopes it tells as groups."""

import socket
import sqlite3
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from authlib.integrations.requests_client import OAuth2Session
from joserfc.jwk import RSAKey

_SCHEMA = Path("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3")
_MODULES = Path("/usr/lib/glewlwyd")
_CALLBACK = "http://127.0.0.1:9/callback"
_PASSWORD = "correct horse battery"
_VERIFIER = "v" * 48
LIFE_SECONDS = 3600
"""Of its access tokens."""


@dataclass(frozen=True, slots=True)
class Glewlwyd:
    url: str

    @property
    def issuer(self):
        return f"{self.url}/api/oidc"

    def tokens(self, audience):
        """Sign in as jo by authorization code and PKCE, as authlib does it; return the tokens."""
        web = OAuth2Session(
            "web", scope="openid", redirect_uri=_CALLBACK, code_challenge_method="S256", token_endpoint_auth_method="none"
        )
        address, state = web.create_authorization_url(
            f"{self.issuer}/auth", code_verifier=_VERIFIER, nonce="n", resource=audience
        )
        with httpx2.Client(base_url=self.url) as browser:
            _ok(browser.post("/api/auth/", json={"username": "jo", "password": _PASSWORD}))
            _ok(browser.put("/api/auth/grant/web", json={"scope": "openid"}))
            # What its page of JavaScript does once somebody has signed in and agreed.
            answer = browser.get(f"{address}&g_continue")
        with web:
            return web.fetch_token(
                f"{self.issuer}/token",
                authorization_response=answer.headers["location"],
                code_verifier=_VERIFIER,
                state=state,
            )


@contextmanager
def running_glewlwyd(command, folder, *, audiences, groups):
    """Serve it until the block ends; its access tokens may be for *audiences*, and jo is in *groups*."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    provider = Glewlwyd(f"http://127.0.0.1:{port}")
    with sqlite3.connect(folder / "glewlwyd.db") as database:
        database.executescript(_SCHEMA.read_text())
    database.close()
    config = folder / "glewlwyd.conf"
    config.write_text(_CONFIG.format(port=port, url=provider.url, modules=_MODULES, folder=folder))
    with (folder / "glewlwyd.log").open("wb") as log:
        process = subprocess.Popen([command, "--config-file", config], stdout=log, stderr=log)
    try:
        _set_up(provider, process, audiences, groups)
        yield provider
    finally:
        process.kill()  # asked to end, it waits for whoever is connected; its data are thrown away
        process.wait()


_CONFIG = """
port={port}
bind_address="127.0.0.1"
external_url="{url}"
login_url="login.html"
api_prefix="api"
log_mode="console"
log_level="WARNING"
session_key="GLEWLWYD2_SESSION_ID"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="{modules}/user"
client_module_path="{modules}/client"
user_auth_scheme_module_path="{modules}/scheme"
plugin_module_path="{modules}/plugin"
hash_algorithm="SHA512"
database = {{ type = "sqlite3"; path = "{folder}/glewlwyd.db"; }};
"""


def _set_up(provider, process, audiences, groups):
    key = RSAKey.generate_key(2048)
    parameters = {
        "iss": provider.issuer,
        "jwt-type": "rsa",
        "jwt-key-size": "256",
        "key": key.as_pem(private=True).decode(),
        "cert": key.as_pem(private=False).decode(),
        "access-token-duration": LIFE_SECONDS,
        "refresh-token-duration": LIFE_SECONDS,
        "code-duration": 60,
        "refresh-token-rolling": True,
        "allow-non-oidc": True,
        "auth-type-code-enabled": True,
        "auth-type-token-enabled": False,
        "auth-type-id-token-enabled": False,
        "auth-type-password-enabled": False,
        "auth-type-client-enabled": False,
        "auth-type-implicit-enabled": False,
        "auth-type-none-enabled": False,
        "auth-type-refresh-enabled": True,
        "additional-parameters": [{"user-parameter": "scope", "token-parameter": "groups"}],
        "claims": [],
        "pkce-allowed": True,
        "pkce-method-plain-allowed": False,
        "subject-type": "public",
        "jwks-show": True,
        "resource-allowed": True,
        "resource-scope": {"openid": list(audiences)},
        "resource-client-property": "",
        "resource-scope-and-client-property": False,
        "resource-change-allowed": False,
    }
    plugin = {"module": "oidc", "name": "oidc", "display_name": "OpenID Connect", "order_rank": 0, "parameters": parameters}
    client = {"client_id": "web", "redirect_uri": [_CALLBACK], "authorization_type": ["code"], "scope": ["openid"]}
    user = {"username": "jo", "name": "Jo Lake", "password": _PASSWORD, "scope": ["openid", *groups]}
    with httpx2.Client(base_url=provider.url) as http:
        _wait_until_it_listens(http, process)
        _ok(http.post("/api/auth/", json={"username": "admin", "password": "password"}))
        _ok(http.post("/api/mod/plugin/", json=plugin))
        for group in groups:
            _ok(http.post("/api/scope/", json={"name": group}))
        _ok(http.post("/api/client/", json=client | {"confidential": False, "enabled": True}))
        _ok(http.post("/api/user/", json=user | {"enabled": True}))


def _wait_until_it_listens(http, process):
    while True:
        try:
            http.get("/api/auth/")
        except httpx2.TransportError:
            assert process.poll() is None, "glewlwyd has ended"
        else:
            return


def _ok(answer):
    assert answer.is_success, answer.text
