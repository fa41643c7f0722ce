"""The sub-app: routes behind one prefix, errors in the form of openEO."""

from starlette.routing import BaseRoute, Mount, Router

from twinlake.engines.web.boundary import ErrorBoundary
from twinlake.engines.web.mounting import ApiMount
from twinlake.identity.web import guarded
from twinlake.processing.openeo.api.computed import ComputedApi
from twinlake.processing.openeo.api.described import ApiFacts, DescribedApi
from twinlake.processing.openeo.api.errors import render_openeo_error
from twinlake.processing.openeo.computing import Computing
from twinlake.processing.openeo.definition_store import DefinitionStore

API_PATH = "/openeo/1.2"
WELL_KNOWN = "/.well-known/openeo"


def mount(facts: ApiFacts, *, computing: Computing, defined: DefinitionStore) -> Mount:
    """Return the openEO API of a site as one route."""
    computed = ComputedApi(computing, defined)
    described = DescribedApi(facts)
    routes = [*computed.routes(), *described.routes()]
    described.offer(routes)
    return ApiMount(API_PATH, ErrorBoundary(Router(routes, redirect_slashes=False), render=render_openeo_error))


def well_known(facts: ApiFacts) -> BaseRoute:
    """Return where clients find which versions of the API a site has."""
    return guarded(WELL_KNOWN, DescribedApi(facts).list_versions, methods=["GET"], action="public")
