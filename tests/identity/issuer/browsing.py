"""What tests send as browsers and clients do."""

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

from lxml import html

from identity.issuer.issuer_site import PASSWORD

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"


def endpoint(realm, name):
    return f"{realm.path}/protocol/openid-connect/{name}"


def authorization(site, **changed):
    """Return the query of a request that the client of the real service's EODAG makes."""
    asked = {
        "client_id": "dedl-hda",
        "redirect_uri": f"{site.url}/stac/v2",
        "response_type": "code",
        "scope": "openid",
        "state": "s-1",
    }
    return {name: value for name, value in (asked | changed).items() if value is not None}


def action_of(page):
    """Return where the page's first form is sent."""
    return html.fromstring(page.content.decode()).forms[0].action


def fields_of(page):
    """Return the fields of the page's first form."""
    return dict(html.fromstring(page.content.decode()).forms[0].fields)


def answer_of(redirect):
    """Return what a redirect to a client tells it."""
    return {name: values[0] for name, values in parse_qs(urlsplit(redirect.headers["location"]).query).items()}


async def sign_in(http, site, username, *, password=PASSWORD, realm="desp", headers=None, **changed):
    """Sign in through the form; return what the form was answered."""
    page = await http.get(endpoint(site.realm(realm), "auth"), params=authorization(site, **changed))
    assert page.status_code == 200, page.text
    return await http.post(action_of(page), data={"username": username, "password": password}, headers=headers)


async def new_code(http, site, username="alice", **changed):
    """Sign in and return the code."""
    http.cookies.clear()
    return answer_of(await sign_in(http, site, username, **changed))["code"]


async def redeem(http, site, code, /, *, realm="desp", **changed):
    """Change a code for tokens; return the answer."""
    asked = {
        "grant_type": "authorization_code",
        "client_id": "dedl-hda",
        "redirect_uri": f"{site.url}/stac/v2",
        "code": code,
    }
    form = {name: value for name, value in (asked | changed).items() if value is not None}
    return await http.post(endpoint(site.realm(realm), "token"), data=form)


async def tokens_of(http, site, username="alice", **changed):
    """Sign in and return the desp tokens."""
    answer = await redeem(http, site, await new_code(http, site, username, **changed))
    assert answer.status_code == 200, answer.text
    return answer.json()


def exchange_form(token):
    """Return what changes a desp token for one of a site."""
    return {
        "grant_type": EXCHANGE,
        "subject_token": token,
        "subject_issuer": "desp-oidc",
        "subject_token_type": ACCESS,
        "client_id": "hda-public",
        "audience": "hda-public",
    }


async def exchange(http, site, token, **changed):
    """Change a desp token for one of the site; return the answer."""
    form = {name: value for name, value in (exchange_form(token) | changed).items() if value is not None}
    return await http.post(endpoint(site.realm("dedl"), "token"), data=form)


async def refresh(http, site, token, *, realm="desp", client="dedl-hda", **more):
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": client, **more}
    return await http.post(endpoint(site.realm(realm), "token"), data=form)
