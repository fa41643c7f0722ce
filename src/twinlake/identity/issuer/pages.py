"""The issuer's pages: small, without scripts, in the console's look."""

from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from twinlake.identity.errors import CrossSiteFormError
from twinlake.identity.issuer.errors import OAuthError

_HEADERS: Mapping[str, str] = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_FOUND = 302
"""What scrapers of the login form look for; browsers then ask with GET."""


class IssuerPages:
    """Renders pages. Everything is escaped; a name that a template misses is an error.

    Parameters
    ----------
    stylesheet, icon
        URLs of the console's.
    """

    def __init__(self, *, title: str, public_url: str, stylesheet: str, icon: str) -> None:
        parts = urlsplit(public_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(title=title, home=f"{public_url}/", stylesheet=stylesheet, icon=icon)

    def render(self, template: str, *, status: int = 200, leads_to: str = "", **values: Any) -> Response:
        """Answer with a page.

        Parameters
        ----------
        leads_to
            Where a form of the page may end by a redirect: browsers hold that against ``form-action``, too.
        """
        page = self._environment.get_template(template).render(**values)
        return HTMLResponse(page, status, {**_HEADERS, "Content-Security-Policy": self._policy(leads_to)})

    async def shown(self, answer: Awaitable[Response]) -> Response:
        """Return *answer*, or its refusal as a page: who reads it is a person, and is sent nowhere."""
        try:
            return await answer
        except (OAuthError, CrossSiteFormError) as error:
            return self.render("refusal.html", status=error.status, problem=error.message, remedy=error.remedy)

    def redirect(self, location: str) -> Response:
        """Send a browser on."""
        return RedirectResponse(location, _FOUND, {**_HEADERS})

    def require_own(self, request: Request) -> None:
        """Check that a form was sent from a page of this site, if the browser says where from; programs do not.

        Raises
        ------
        CrossSiteFormError
            It comes from elsewhere.
        """
        headers = request.headers
        own = f"{request.scope['scheme']}://{headers.get('host', '')}".lower()
        origin = headers.get("origin", own).lower()
        if origin not in {own, self._origin.lower()} or headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
            raise CrossSiteFormError("The form must come from a page of this site.", remedy="Load the page again and repeat.")

    def _policy(self, leads_to: str) -> str:
        parts = urlsplit(leads_to)
        further = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""
        return (
            f"default-src 'none'; style-src 'self' {self._origin}; img-src 'self' {self._origin} data:; "
            f"form-action 'self' {self._origin}{further}; base-uri 'none'; frame-ancestors 'none'"
        )
