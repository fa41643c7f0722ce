"""Errors as clients read them: RFC 9457 problem details, unless a sub-app's standard has another form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from twinlake.core.errors import TwinlakeError
from twinlake.engines.web.trace import RequestTrace


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One failure, in no standard's form yet."""

    status: int
    code: str
    detail: str
    remedy: str | None
    request_id: str
    ticket: str
    members: Mapping[str, object] = field(default_factory=dict)
    """What the error tells beyond the usual members, such as the deciding ``rule``."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What any form of the answer must carry, such as ``Retry-After``."""


_HTTP_REMEDIES: Mapping[int, str] = {
    HTTPStatus.NOT_FOUND: "Check the address; /stac/v2 and /api/openapi.json say which there are.",
    HTTPStatus.METHOD_NOT_ALLOWED: "Use a method that the header Allow of this answer names.",
}
"""What to do about an address that the router does not know."""

Render = Callable[[Scope, Problem], Response]
"""Writes a problem in a sub-app's form; must send the problem's status and headers."""


def problem_of(error: Exception, trace: RequestTrace) -> Problem:
    """Say what *error* means to a client; of an unexpected one only that it happened."""
    if isinstance(error, TwinlakeError):
        return Problem(
            status=error.status,
            code=error.code,
            detail=error.message,
            remedy=error.remedy,
            request_id=trace.request_id,
            ticket=trace.ticket,
            members=error.members,
            headers=_headers_of(error),
        )
    if isinstance(error, HTTPException):
        return _problem_of_http_exception(error, trace)
    return Problem(
        status=500,
        code="internal-error",
        detail="The site made a mistake while answering this request.",
        remedy=f"Try again; if it happens again, tell the operator the ticket {trace.ticket}.",
        request_id=trace.request_id,
        ticket=trace.ticket,
    )


def render_problem(scope: Scope, problem: Problem) -> Response:
    """Write *problem* as ``application/problem+json`` (RFC 9457)."""
    _ = scope
    content: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        "remedy": problem.remedy,
        "request_id": problem.request_id,
        "ticket": problem.ticket,
        **problem.members,
    }
    body = orjson.dumps({name: value for name, value in content.items() if value is not None})
    return Response(body, problem.status, dict(problem.headers), media_type="application/problem+json")


def _headers_of(error: TwinlakeError) -> dict[str, str]:
    headers = {}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        headers["Connection"] = "close"  # the rest of the body is not going to be read
    return headers


def _problem_of_http_exception(error: HTTPException, trace: RequestTrace) -> Problem:
    """Name what Starlette's router and FastAPI raise."""
    phrase = HTTPStatus(error.status_code).phrase
    return Problem(
        status=error.status_code,
        code=phrase.lower().replace(" ", "-"),
        detail=str(error.detail) if error.detail != phrase else f"{phrase}: {trace.method} {trace.path}",
        remedy=_HTTP_REMEDIES.get(error.status_code) if error.detail == phrase else None,
        request_id=trace.request_id,
        ticket=trace.ticket,
        headers=error.headers or {},
    )
