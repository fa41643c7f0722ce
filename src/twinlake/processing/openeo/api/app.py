"""The sub-app: routes behind one prefix, errors in the form of openEO."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import Scope

from twinlake.engines.web.boundary import ErrorBoundary
from twinlake.engines.web.mounting import ApiMount
from twinlake.identity.web import guarded, guarded_default
from twinlake.processing.openeo.api.credentials import PATH as CREDENTIALS_PATH
from twinlake.processing.openeo.api.described import API_VERSION, ApiFacts, DescribedApi
from twinlake.processing.openeo.api.errors import render_openeo_error
from twinlake.standards.openeo.errors import NotFoundError, UnsupportedApiVersionError

API_PATH = "/openeo/1.2"
ALL_VERSIONS = "/openeo"
WELL_KNOWN = "/.well-known/openeo"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


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
    app = Router([*routes, *unlisted], redirect_slashes=False, default=guarded_default(_refuse_address, action="public"))
    return ApiMount(API_PATH, ErrorBoundary(app, render=render_openeo_error))


def mount_other_versions() -> Mount:
    """Return what answers at the addresses of versions that are not served; comes behind `mount`."""
    app = Router([guarded("/{path:path}", _refuse_version, methods=_METHODS, action="public")], redirect_slashes=False)
    return ApiMount(ALL_VERSIONS, ErrorBoundary(app, render=render_openeo_error))


def well_known(facts: ApiFacts) -> BaseRoute:
    """Return where clients find which versions of the API a site has."""
    return guarded(WELL_KNOWN, DescribedApi(facts).list_versions, methods=["GET"], action="public")


async def _refuse_address(request: Request) -> Response:
    path = request.scope["path"].removeprefix(API_PATH)
    raise NotFoundError(f"There is no {path[:80]!r} here.", remedy=f"GET {API_PATH}/ tells which endpoints there are.")


async def _refuse_version(request: Request) -> Response:
    version = request.path_params["path"].partition("/")[0]
    raise UnsupportedApiVersionError(
        f"openEO is served in version {API_VERSION} here, and not in {version[:40]!r}.",
        remedy=f"GET {WELL_KNOWN} tells where.",
    )


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
