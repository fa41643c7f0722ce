"""The sub-app: routes behind one prefix, errors in the form of openEO."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import Scope

from twinlake.engines.web.boundary import ErrorBoundary
from twinlake.engines.web.mounting import ApiMount
from twinlake.identity.web import guarded
from twinlake.processing.openeo.api.credentials import PATH as CREDENTIALS_PATH
from twinlake.processing.openeo.api.described import ApiFacts, DescribedApi
from twinlake.processing.openeo.api.errors import render_openeo_error

API_PATH = "/openeo/1.2"
WELL_KNOWN = "/.well-known/openeo"


def mount(facts: ApiFacts, *, offered: Sequence[Route], unlisted: Sequence[Route]) -> Mount:
    """Return the openEO API of a site as one route.

    Parameters
    ----------
    offered
        Routes beside those that describe the site.
    unlisted
        Routes that are no part of the standard: their addresses stand in answers.
    """
    described = DescribedApi(facts)
    routes = [*offered, *described.routes()]
    described.offer(routes)
    app = Router([*routes, *unlisted], redirect_slashes=False)
    return ApiMount(API_PATH, ErrorBoundary(app, render=render_openeo_error))


def well_known(facts: ApiFacts) -> BaseRoute:
    """Return where clients find which versions of the API a site has."""
    return guarded(WELL_KNOWN, DescribedApi(facts).list_versions, methods=["GET"], action="public")


def proves_itself(scope: Scope) -> bool:
    """Tell whether a request to the API brings its permission along: whatever token is sent with it does not count.

    So it is with the signed addresses of results, to which clients may send a token that has expired, and with name and
    password, of which the site's authenticator knows nothing.
    """
    path: str = scope["path"]
    if not path.startswith(API_PATH):
        return False
    within = path[len(API_PATH) :]
    return within == CREDENTIALS_PATH or within.startswith("/results/") or b"&signature=" in scope["query_string"]
