"""Who gets a page: whoever asks for HTML by name, as browsers do and programs do not."""

from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import Scope

from twinlake.identity.web import GuardedRoute


def wants_html(scope: Scope) -> bool:
    """Tell whether ``text/html`` is among what a request accepts."""
    return "text/html" in Headers(scope=scope).get("accept", "")


class HtmlRoute(GuardedRoute):
    """The route of a page at an address that an API has too; it stands before the API's and lets other requests pass on."""

    def __init__(self, page: GuardedRoute) -> None:
        super().__init__(page.path, page.endpoint, methods=page.methods, name=page.name)
        self.action = page.action

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as any route, but only for who asks for HTML."""
        return super().matches(scope) if wants_html(scope) else (Match.NONE, {})
