"""Three joined sites with something to find, and how people sign in there."""

import re

import httpx2
from lxml import html

from made_up import write_geotiff
from twinlake.testing.site import run_twinlake

REALM = "/auth/realms/dedl/protocol/openid-connect"
DESP = "/realms/desp/protocol/openid-connect"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
SCENES = 5
"""Items of each site, in the collection ``scenes-of-SITE``."""
RECIPE = """
[collection]
title = "Scenes"
license = "CC-BY-4.0"

[[rules]]
files = '.*(?P<datetime>\\d{4}-\\d{2}-\\d{2})\\.tif'
"""


class Lake:
    """Sites by name; people have their account at central."""

    def __init__(self, directory):
        self.directory = directory
        self.sites = {}
        self.files = {}
        """Bytes of each item's file, by collection and item id."""
        self._passwords = {}

    def add_account(self, username, *, site="central", roles=None):
        secret = self.directory / f"{username}.password"
        options = [] if roles is None else ["--roles", roles]
        done = run_twinlake(
            "admin", "accounts", "add", username, *options, "--write-to", secret, "--config", self.sites[site].config
        )
        assert done.returncode == 0, done.stderr
        self._passwords[username] = secret.read_text().strip()
        return self._passwords[username]

    def add_key(self, username, *, roles):
        """Make a service account of a person at central; return its id and secret."""
        secret = self.directory / f"{username}.key"
        done = run_twinlake(
            "admin", "accounts", "key", username, "--roles", roles, "--write-to", secret, "--config", self.central.config
        )
        assert done.returncode == 0, done.stderr
        [client_id] = re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", done.stdout + done.stderr)
        return client_id, secret.read_text().strip()

    def password(self, username):
        return self._passwords[username]

    @property
    def central(self):
        return self.sites["central"]

    def take_in(self, name, site):
        collection = f"scenes-of-{name}"
        folder = self.directory / f"data-{name}"
        folder.mkdir()
        for day in range(1, SCENES + 1):
            path = write_geotiff(folder / f"{name}-2024-05-{day:02d}.tif")
            self.files[collection, path.stem] = path.read_bytes()
        recipe = folder.with_suffix(".toml")
        recipe.write_text(RECIPE)
        token_file = site.folder / "admin.token"
        done = run_twinlake(
            "ingest", folder, "-c", collection, "--create-collection", "--recipe", recipe,
            "--to", site.url, "--token-file", token_file,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def desp_token(self, username, *, of="central"):
        """Sign in at central for the site *of*, as its own redirect URI says; return all that the token endpoint gave."""
        here, back = self.central.url, f"{self.sites[of].url}/stac/v2"
        query = {"client_id": "dedl-hda", "redirect_uri": back, "scope": "openid", "response_type": "code"}
        with httpx2.Client(timeout=30) as browser:
            form = html.fromstring(browser.get(f"{here}{DESP}/auth", params=query).text).forms[0]
            sent = browser.post(form.action, data={"username": username, "password": self.password(username)})
            code = httpx2.URL(sent.headers["location"]).params["code"]
            grant = {"client_id": "dedl-hda", "redirect_uri": back, "code": code, "grant_type": "authorization_code"}
            answer = browser.post(f"{here}{DESP}/token", data=grant)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def exchange(self, desp, *, at="central"):
        """Return the answer of a site's exchange."""
        form = {
            "grant_type": EXCHANGE,
            "subject_token": desp,
            "subject_issuer": "desp-oidc",
            "subject_token_type": ACCESS_TOKEN,
            "client_id": "hda-public",
            "audience": "hda-public",
        }
        return httpx2.post(f"{self.sites[at].url}{REALM}/token", data=form, timeout=30)

    def sign_in(self, username, *, at="central"):
        """Return a token of the realm ``dedl`` of the site *at*."""
        answer = self.exchange(self.desp_token(username, of=at)["access_token"], at=at)
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]
