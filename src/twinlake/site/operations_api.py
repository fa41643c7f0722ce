"""One OpenAPI document for all that is operated by JSON: `/api`, and the APIs beside it."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from fastapi import FastAPI

from twinlake.engines.web.openapi import PROBLEM, TEXT, ApiPart

_PROBLEM = {
    "type": "object",
    "description": "Problem details (RFC 9457)",
    "properties": {
        **dict.fromkeys(("type", "title", "code", "detail", "remedy", "request_id", "ticket"), TEXT),
        "status": {"type": "integer"},
    },
    "required": ["type", "title", "status", "code", "detail", "request_id", "ticket"],
}


class OperationsDocument:
    """The document, written when it is asked for first.

    Parameters
    ----------
    api
        What is mounted at ``/api``.
    parts
        Of the APIs that stand beside it.
    public_url
        Of the site, without a slash at its end.
    """

    def __init__(self, api: FastAPI, *, parts: Sequence[ApiPart], public_url: str) -> None:
        self._api = api
        self._parts = parts
        self._public_url = public_url

    async def get_openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        return self._document

    @cached_property
    def _document(self) -> dict[str, Any]:
        document = self._api.openapi()
        document["servers"] = [{"url": f"{self._public_url}/api"}]
        document["security"] = [{}, {"token": []}]
        components = document["components"]
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        components["schemas"][PROBLEM] = _PROBLEM
        beside = {"servers": [{"url": self._public_url}]}
        for part in self._parts:
            document["paths"] |= {path: beside | item for path, item in part.paths.items()}
            components["schemas"] |= part.schemas
        return document
