"""The sub-app: routes behind one prefix, errors in the form of STAC."""

from starlette.routing import Match, Mount, Router
from starlette.types import Scope

from twinlake.discovery.data.edit_routes import EditingApi
from twinlake.discovery.data.editing import DataEditing
from twinlake.discovery.data.errors import render_stac_error
from twinlake.discovery.data.links import Urls
from twinlake.discovery.data.routes import ReadingApi
from twinlake.discovery.data.service import DataDiscovery
from twinlake.engines.web.boundary import ErrorBoundary

API_PATH = "/stac/v2"
"""Where a site serves the API, as the real Data Lake does."""


class _ApiMount(Mount):
    """A mount whose own path, without a trailing slash, is its landing page: clients are given it so, and send it so.

    It has no parameters, so that a comparison does for matching it.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        outer = scope.get("root_path", "")
        root, path = outer + self.path, scope["path"]
        if not path.startswith(root) or path[len(root) : len(root) + 1] not in {"", "/"}:
            return Match.NONE, {}
        child = {"root_path": root, "app_root_path": outer, "path_params": {}, "endpoint": self.app}
        return Match.FULL, child if path != root else {**child, "path": f"{path}/"}


def mount(*, discovery: DataDiscovery, editing: DataEditing, public_url: str, site_id: str, title: str) -> Mount:
    """Return the STAC API of a site as one route.

    Parameters
    ----------
    public_url
        URL under which users reach the site, without a trailing slash.
    """
    urls = Urls(f"{public_url.rstrip('/')}{API_PATH}")
    reading = ReadingApi(service=discovery, urls=urls, site_id=site_id, title=title)
    routes = [*reading.routes(), *EditingApi(service=editing, urls=urls).routes()]
    return _ApiMount(API_PATH, ErrorBoundary(Router(routes, redirect_slashes=False), render=render_stac_error))
