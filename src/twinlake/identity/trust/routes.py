"""Where homes tell of sign-ins that ended (OpenID Connect Back-Channel Logout 1.0, section 2.5)."""

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from twinlake.core.errors import InvalidInputError
from twinlake.engines.web.trace import trace_of
from twinlake.identity.attempts import AttemptLimit
from twinlake.identity.errors import InvalidTokenError
from twinlake.identity.trust.homes import Homes
from twinlake.identity.trust.models import LOGOUT_PATH
from twinlake.identity.web import guarded

_BODY_BYTES = 32 << 10


def routes(homes: Homes, *, attempts: AttemptLimit) -> list[BaseRoute]:
    """Declare it. The token is proof by itself; *attempts* limits those that are not good, per address."""

    async def hear_logout(request: Request) -> Response:
        address = request.client.host if request.client else ""
        attempts.check(address)
        try:
            form = parse_qs((await request.body()).decode("ascii"))
            await homes.hear_logout(form["logout_token"][0], request_id=trace_of(request.scope).request_id)
        except (InvalidTokenError, KeyError, ValueError) as error:
            attempts.note_failure(address)
            raise InvalidInputError(f"That is no logout token of a site that signs in here. {error}") from error
        return Response(headers={"cache-control": "no-store"})

    return [guarded(LOGOUT_PATH, hear_logout, methods=["POST"], action="public", max_body_bytes=_BODY_BYTES)]
