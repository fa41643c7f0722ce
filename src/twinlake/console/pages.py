"""The console's templates and what every page is given."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from twinlake.console.addresses import Addresses
from twinlake.console.describe import write_number, write_reason
from twinlake.console.prose import write_prose
from twinlake.console.security import SECURITY_HEADERS
from twinlake.console.static_files import own_static_files
from twinlake.identity.issuer.models import Realm
from twinlake.identity.principals import Caller, Principal
from twinlake.identity.relying import Home

_HERE = Path(__file__).parent
_NAVIGATION = (
    ("/", "Home"),
    ("/explore", "Explore"),
    ("/collections", "Collections"),
    ("/processing/processes", "Processing"),
    ("/sites", "Sites"),
    ("/jobs", "All jobs"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFacts:
    """What pages say of the site."""

    id: str
    role: str
    title: str
    url: str


class Pages:
    """Renders pages. Everything is escaped; a name that a template misses is an error.

    Parameters
    ----------
    find_home
        Knows where the account of a principal is.
    """

    def __init__(self, site: SiteFacts, *, find_home: Callable[[Principal], Home | None]) -> None:
        self.site = site
        self._find_home = find_home
        self.addresses = Addresses(site.id, site.url)
        self.static = own_static_files()
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"number": write_number, "reason": write_reason, "prose": write_prose}
        root = self.addresses.root
        self._environment.globals.update(
            site=site,
            root=root,
            static=f"{root}/static/{self.static.version}",
            device_page=f"{Realm('dedl', site.url).path}/device",
            navigation=[(path, name, _section_of(path)) for path, name in _NAVIGATION],
        )

    def render(self, request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """Answer *request* with a page."""
        caller: Caller = request.state.caller
        page = self._environment.get_template(template).render(
            here=_section_of(request.url.path),
            came_from=quote(request.url.path + (f"?{request.url.query}" if request.url.query else ""), safe=""),
            caller=caller,
            home=self._home_of(caller),
            form_token=request.state.form_token,
            status=status,
            **values,
        )
        # A page differs by who asks, and at some addresses an API answers who does not ask for HTML.
        headers = {**SECURITY_HEADERS, "Cache-Control": "private, no-cache", "Vary": "Accept, Cookie"}
        return HTMLResponse(page, status_code=status, headers=headers)

    def _home_of(self, caller: Caller) -> Home | None:
        """Return where who signed in with an account has it; a token is no account."""
        return None if caller.principal is None or caller.session is None else self._find_home(caller.principal)


def _section_of(path: str) -> str:
    """Return the entry of the navigation that *path* belongs to."""
    return "/" + path.split("/", maxsplit=2)[1]
