"""Failures of requests to the STAC API, and the form in which all failures are told."""

import orjson
from starlette.responses import Response
from starlette.types import Scope

from twinlake.core.errors import PreconditionFailedError, TooLargeError, TwinlakeError
from twinlake.engines.web.problems import Problem


class UnsupportedMediaTypeError(TwinlakeError):
    """The body is of a type that this resource does not take."""

    code = "unsupported-media-type"
    status = 415


class TooManyItemsError(TooLargeError):
    """A FeatureCollection holds more items than one request may bring."""

    code = "too-many-items"


class ConditionFailedError(PreconditionFailedError):
    """What is there is not what the request's condition names."""

    code = "etag-mismatch"

    def __init__(self, what: str, header: str) -> None:
        super().__init__(
            f"{what} is not what the {header} header says.", remedy="Read it again, redo the change, send its new ETag."
        )


def render_stac_error(scope: Scope, problem: Problem) -> Response:
    """Write *problem* in the error form of STAC API 1.0.0 (``code``, ``description``), with the ticket of the Data Lake."""
    _ = scope
    content: dict[str, object] = {
        "code": problem.code,
        "description": problem.detail,
        "remedy": problem.remedy,
        "ticket": problem.ticket,
        "request_id": problem.request_id,
        **problem.members,
    }
    body = orjson.dumps({name: value for name, value in content.items() if value is not None})
    return Response(body, problem.status, dict(problem.headers), media_type="application/json")
