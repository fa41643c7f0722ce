"""A visitor who signs in once: as today's clients of the Data Lake do it, which fill in the page of the central site."""

from html.parser import HTMLParser
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx2

from twinlake.cli.demo.narrator import StepFailedError
from twinlake.core.documents import JsonObject

_CLIENT = "dedl-hda"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - names a type (RFC 8693)


class Visitor:
    """A browser that keeps its sign-in at *home*, the URL of the central site."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._browser = httpx2.Client(timeout=30.0)
        self.passwords_given = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._browser.close()

    def token_for(self, site: str, *, username: str, password: str) -> str:
        """Return an access token of the site at *site*; the password is given where the home asks for it, which is once.

        Raises
        ------
        StepFailedError
            The sign-in did not come out as it must.
        """
        back = f"{site}/stac/v2"
        question = {"client_id": _CLIENT, "redirect_uri": back, "scope": "openid", "response_type": "code", "state": "demo"}
        answer = self._browser.get(f"{self._home}/realms/desp/protocol/openid-connect/auth", params=question)
        if answer.status_code == 200:
            self.passwords_given += 1
            answer = self._browser.post(_Form.of(answer.text).action, data={"username": username, "password": password})
        code = parse_qs(urlsplit(answer.headers.get("location", "")).query).get("code")
        if code is None:
            raise StepFailedError(f"{username} was not signed in.")
        grant = {"grant_type": "authorization_code", "client_id": _CLIENT, "redirect_uri": back, "code": code[0]}
        given = self._post(f"{self._home}/realms/desp/protocol/openid-connect/token", grant)
        exchange = {
            "grant_type": _EXCHANGE,
            "subject_token": given["access_token"],
            "subject_token_type": _ACCESS_TOKEN,
            "subject_issuer": "desp-oidc",
            "client_id": "hda-public",
            "audience": "hda-public",
        }
        token: str = self._post(f"{site}/auth/realms/dedl/protocol/openid-connect/token", exchange)["access_token"]
        return token

    def let_in(self, url: str) -> None:
        """Let a device in from the page at *url*, which it shows.

        Raises
        ------
        StepFailedError
            The page does not ask whether to; who is not signed in is asked for the password first.
        """
        form = _Form.of(self._browser.get(url).text)
        if "user_code" not in form.hidden:
            raise StepFailedError(f"{url} does not ask whether to let a device in.")
        answer = self._browser.post(form.action, data={**form.hidden, "decision": "allow"})
        if answer.is_error:
            raise StepFailedError(f"{url} let no device in: {answer.status_code}")

    def _post(self, url: str, form: JsonObject) -> JsonObject:
        answer = self._browser.post(url, data=form)
        if answer.is_error:
            raise StepFailedError(f"{url} answered {answer.status_code}: {answer.text[:200]}")
        found: JsonObject = answer.json()
        return found


class _Form(HTMLParser):
    """The first form of a page: where it is sent, and what is in it already."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.hidden: dict[str, str] = {}

    @classmethod
    def of(cls, page: str) -> Self:
        """Read a page."""
        parser = cls()
        parser.feed(page)
        return parser

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        given = dict(attrs)
        if tag == "form" and not self.action:
            self.action = given.get("action") or ""
        elif tag == "input" and given.get("type") == "hidden":
            self.hidden[given["name"]] = given.get("value") or ""
