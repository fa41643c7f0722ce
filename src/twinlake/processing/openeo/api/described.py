"""What the site can do, told to anybody: versions, endpoints, processes, how to sign in."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.identity.authenticator import PROVIDER
from twinlake.identity.web import guarded
from twinlake.processing.openeo.formats.registry import list_formats
from twinlake.processing.openeo.loading.formats import describe_inputs
from twinlake.processing.openeo.registry import read_processes
from twinlake.processing.openeo.udf.runtimes import list_runtimes

API_VERSION = "1.2.0"
PROCESSES_VERSION = "2.0.0-rc.2"
CONFORMS_TO = (
    "https://api.openeo.org/1.2.0",
    "https://api.openeo.org/1.2.0/authentication/jwt",
    "https://api.stacspec.org/v1.0.0/core",
)
_STAC_VERSION = "1.1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiFacts:
    """What does not change while the site runs."""

    site_id: str
    title: str
    version: str
    """Of the software."""
    root: str
    """URL of the API, without a slash at its end."""
    issuer: str
    """URL of the realm that signs in for this site."""
    client: str
    """Public client of that realm, for openEO's programs."""
    currency: str | None
    """In which jobs are paid; None where nothing costs anything."""
    runs_user_code: bool
    """Whether user-defined functions are run."""


class DescribedApi:
    """Routes that read nothing but what the site is."""

    def __init__(self, facts: ApiFacts) -> None:
        self._facts = facts
        self._endpoints: list[JsonObject] = []

    def routes(self) -> list[Route]:
        """Declare them."""
        return [
            guarded("/", self.describe, methods=["GET"], action="public"),
            guarded("/conformance", self.list_conformance, methods=["GET"], action="public"),
            guarded("/processes", self.list_processes, methods=["GET"], action="public"),
            guarded("/file_formats", self.list_file_formats, methods=["GET"], action="public"),
            guarded("/udf_runtimes", self.list_runtimes, methods=["GET"], action="public"),
            guarded("/credentials/oidc", self.list_providers, methods=["GET"], action="public"),
        ]

    def offer(self, routes: Sequence[BaseRoute]) -> None:
        """Tell clients of *routes*: what they find in the list decides what they try."""
        self._endpoints = [
            {"path": each.path_format, "methods": sorted((each.methods or set()) - {"HEAD"})}
            for each in routes
            if isinstance(each, Route)
        ]

    async def list_versions(self, _request: Request) -> Response:
        """Answer at the root of the site."""
        version = {"url": f"{self._facts.root}/", "production": True, "api_version": API_VERSION}
        return _json({"versions": [version]})

    async def describe(self, _request: Request) -> Response:
        """Answer with the capabilities; also a STAC Catalog."""
        facts = self._facts
        links = [
            {"rel": "self", "href": f"{facts.root}/", "type": "application/json"},
            {"rel": "version-history", "href": f"{facts.root.removesuffix('/openeo/1.2')}/.well-known/openeo"},
            {"rel": "conformance", "href": f"{facts.root}/conformance", "type": "application/json"},
        ]
        billing = {} if facts.currency is None else {"billing": {"currency": facts.currency}}
        return _json(
            {
                "type": "Catalog",
                "id": facts.site_id,
                "title": facts.title,
                "description": f"Processes of openEO beside the data of {facts.title}.",
                "api_version": API_VERSION,
                "backend_version": facts.version,
                "stac_version": _STAC_VERSION,
                "conformsTo": list(CONFORMS_TO),
                "production": True,
                "endpoints": self._endpoints,
                **billing,
                "links": links,
            }
        )

    async def list_conformance(self, _request: Request) -> Response:
        """Answer with the classes that the API conforms to."""
        return _json({"conformsTo": list(CONFORMS_TO)})

    async def list_processes(self, request: Request) -> Response:
        """Answer with the processes, all or a page."""
        processes = await read_processes()
        start, limit = _page(request)
        shown = processes[start:] if limit is None else processes[start : start + limit]
        links = []
        if limit is not None and start + limit < len(processes):
            links.append({"rel": "next", "href": f"{self._facts.root}/processes?limit={limit}&start={start + limit}"})
        return _json({"version": PROCESSES_VERSION, "processes": [each.describe() for each in shown], "links": links})

    async def list_file_formats(self, _request: Request) -> Response:
        """Answer with the formats of files."""
        return _json({"input": describe_inputs(), "output": {each.name: each.describe() for each in list_formats()}})

    async def list_none(self, _request: Request) -> Response:
        """Answer that there are none."""
        return _json({})

    async def list_runtimes(self, _request: Request) -> Response:
        """Answer with what runs user-defined functions."""
        return _json(list_runtimes() if self._facts.runs_user_code else {})

    async def list_providers(self, _request: Request) -> Response:
        """Answer with the realm where people of this site sign in."""
        client = {
            "id": self._facts.client,
            "grant_types": ["urn:ietf:params:oauth:grant-type:device_code+pkce", "refresh_token"],
        }
        provider = {
            "id": PROVIDER,
            "issuer": self._facts.issuer,
            "title": self._facts.title,
            "scopes": ["openid", "search", "read", "process"],
            "default_clients": [client],
        }
        return _json({"providers": [provider]})


def _page(request: Request) -> tuple[int, int | None]:
    """Return where the page begins and how long it is."""
    try:
        start, limit = int(request.query_params.get("start", 0)), request.query_params.get("limit")
        if start < 0 or (limit is not None and int(limit) < 1):
            raise ValueError
    except ValueError:
        raise InvalidInputError("'limit' and 'start' are whole numbers, from 1 and from 0.") from None
    return start, None if limit is None else int(limit)


def _json(document: JsonObject) -> Response:
    return Response(orjson.dumps(document), media_type="application/json")
