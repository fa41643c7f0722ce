"""The sub-app: routes behind one prefix, errors in the form of STAC."""

from starlette.routing import Mount, Router

from twinlake.discovery.data.edit_routes import EditingApi
from twinlake.discovery.data.editing import DataEditing
from twinlake.discovery.data.errors import render_stac_error
from twinlake.discovery.data.links import Urls
from twinlake.discovery.data.routes import ReadingApi
from twinlake.discovery.data.service import DataDiscovery
from twinlake.engines.web.boundary import ErrorBoundary
from twinlake.engines.web.mounting import ApiMount

API_PATH = "/stac/v2"
"""Where a site serves the API, as the real Data Lake does."""


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
    return ApiMount(API_PATH, ErrorBoundary(Router(routes, redirect_slashes=False), render=render_stac_error))
