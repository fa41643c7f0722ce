"""openeo's own helper for devices, unmodified, with somebody who lets it in from a browser."""

import re

import requests
from lxml import html
from openeo.rest.auth.oidc import OidcClientInfo, OidcDeviceAuthenticator, OidcProviderInfo, OidcRefreshTokenAuthenticator

_SECONDS = 60


def sign_in_device(realm_url, scopes, *, sign_in, **options):
    """Return the tokens that a device is given, and those of renewing them twice.

    `sign_in(browser, url)` fills in the form behind *url* and returns where that leads, not followed; *options* are openeo's.
    """
    info = OidcClientInfo("hda-public", OidcProviderInfo(issuer=realm_url, scopes=scopes))

    def let_in(text):
        found = re.search(r"http\S+user_code=\S+", text)
        if found is None:
            return
        with requests.Session() as browser:
            confirm = browser.get(sign_in(browser, found[0].rstrip(".`)")))
            form = html.fromstring(confirm.content.decode()).forms[0]
            assert "let in" in browser.post(form.action, data=dict(form.fields) | {"decision": "allow"}).text

    helper = OidcDeviceAuthenticator(info, display=let_in, max_poll_time=_SECONDS, **options)
    tokens = helper.get_tokens(request_refresh_token=True)
    renewed = [OidcRefreshTokenAuthenticator(info, refresh_token=tokens.refresh_token).get_tokens() for _ in range(2)]
    return tokens, renewed
