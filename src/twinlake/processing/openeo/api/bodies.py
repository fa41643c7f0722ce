"""Bodies as they come in and go out."""

from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import Response

from twinlake.core.documents import JsonObject
from twinlake.core.nesting import is_nested_deeper
from twinlake.identity.principals import Principal
from twinlake.processing.openeo.udf.named_code import NamedCode, may_call_code
from twinlake.standards.openeo.errors import AuthenticationRequiredError, ProcessInvalidError
from twinlake.standards.openeo.graph import MAX_BYTES, MAX_DEPTH

BODY_BYTES = MAX_BYTES + (64 << 10)
"""The largest body with a process in it."""
_AROUND_A_GRAPH = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SentGraphs:
    """Reads what is sent in with graphs; all of them come by here."""

    code: NamedCode

    async def read(self, request: Request) -> JsonObject:
        """Return the body, which is an object, with the code that its graph names.

        Raises
        ------
        ProcessInvalidError
            It is none.
        AuthenticationRequiredError, GraphFailedError
            Its code cannot be got (`NamedCode.take_in`).
        """
        body = await request.body()
        try:
            if is_nested_deeper(body, MAX_DEPTH + _AROUND_A_GRAPH):
                raise ProcessInvalidError("The body is nested too deeply, or is not JSON.")
            found = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ProcessInvalidError(f"The body is not JSON: {error}.") from None
        if not isinstance(found, dict):
            raise ProcessInvalidError("The body is no object.")
        return await self.code.take_in(found, request.state.caller) if may_call_code(body) else found


def owner_of(request: Request) -> Principal:
    """Return who asks.

    Raises
    ------
    AuthenticationRequiredError
        Nobody in particular.
    """
    owner: Principal | None = request.state.caller.principal
    if owner is None:
        raise AuthenticationRequiredError("Say who you are.", remedy="Sign in as /credentials/oidc tells, or send a token.")
    return owner


def to_json(document: JsonObject, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with *document*."""
    return Response(orjson.dumps(document), status, headers, media_type="application/json")
