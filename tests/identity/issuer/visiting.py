"""A person at a site that listens: signs in once at realm desp and uses what the site gives, as threads do."""

import httpx2

from identity.issuer.browsing import action_of, exchange_form

DESP, DEDL = (f"{path}/protocol/openid-connect" for path in ("/realms/desp", "/auth/realms/dedl"))
CLIENT = "dedl-hda"


class Person:
    """Somebody who has signed in once, and whose browser stays open."""

    def __init__(self, url, username, password):
        self._redirect = f"{url}/stac/v2"
        self._browser = httpx2.Client(base_url=url, timeout=30)
        page = self._browser.get(f"{DESP}/auth", params=self._asked())
        answer = self._browser.post(action_of(page), data={"username": username, "password": password})
        assert answer.status_code == 302, answer.text

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._browser.close()

    def _asked(self):
        return {"client_id": CLIENT, "redirect_uri": self._redirect, "response_type": "code", "scope": "openid"}

    def new_code(self):
        answer = self._browser.get(f"{DESP}/auth", params=self._asked())
        assert answer.status_code == 302, answer.text
        return httpx2.URL(answer.headers["location"]).params["code"]

    def redeem(self, code):
        form = {"grant_type": "authorization_code", "client_id": CLIENT, "redirect_uri": self._redirect, "code": code}
        return self._browser.post(f"{DESP}/token", data=form)

    def renew(self, token):
        form = {"grant_type": "refresh_token", "client_id": CLIENT, "refresh_token": token}
        return self._browser.post(f"{DESP}/token", data=form)

    def revoke(self, token):
        return self._browser.post(f"{DESP}/revoke", data={"client_id": CLIENT, "token": token})

    def exchange(self, token):
        return self._browser.post(f"{DEDL}/token", data=exchange_form(token))

    def me(self, token):
        return self._browser.get("/api/me", headers={"authorization": f"Bearer {token}"}).status_code

    def certs(self):
        """Return the public keys of realm dedl by their names."""
        return {key["kid"]: key for key in granted(self._browser.get(f"{DEDL}/certs"))["keys"]}


def granted(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()
