"""The console's templates and what every page is given."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from twinlake.identity.principals import Caller

_HERE = Path(__file__).parent
_NAVIGATION = (("/", "Home"), ("/explore", "Explore"), ("/collections", "Collections"), ("/jobs", "Jobs"))
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFacts:
    """What pages say of the site."""

    id: str
    role: str
    title: str
    url: str


class Pages:
    """Renders pages. Everything is escaped; a name that a template misses is an error."""

    def __init__(self, site: SiteFacts) -> None:
        self.site = site
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """Answer *request* with a page."""
        caller: Caller = request.state.caller
        page = self._environment.get_template(template).render(
            site=self.site,
            root=request.scope.get("root_path", ""),
            navigation=_NAVIGATION,
            here=request.url.path,
            caller=caller,
            form_token=getattr(request.state, "form_token", ""),
            **values,
        )
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "private, no-cache"}
        return HTMLResponse(page, status_code=status, headers=headers)
