"""The routes between sites: one site asks another for what that one holds itself. Nothing is ever passed on."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from twinlake.federation.errors import NotAPeerError
from twinlake.federation.search.answering import PeerAnswers
from twinlake.identity.principals import Caller, Principal, site_issuer
from twinlake.identity.trust.assertions import SITE_SUBJECT
from twinlake.identity.web import Endpoint, guarded

PREFIX = "/federation"
_BODY_BYTES = 4 << 20
_Answer = Callable[[bytes, Caller], Awaitable[bytes]]


def routes(*, answers: PeerAnswers, is_peer: Callable[[Request], bool]) -> list[BaseRoute]:
    """Return the routes.

    Parameters
    ----------
    is_peer
        Tells whether a request came with a token that this site has given to a peer.
    """
    by_name: dict[str, _Answer] = {
        "search": answers.search,
        "collections": answers.collections,
        "queryables": answers.queryables,
        "aggregate": answers.aggregate,
        "versions": answers.versions,
    }
    return [
        guarded(
            f"{PREFIX}/{name}",
            _endpoint(answer, is_peer),
            methods=["POST"],
            action="discover",
            name=f"federation_{name}",
            max_body_bytes=_BODY_BYTES,
        )
        for name, answer in by_name.items()
    ]


def _endpoint(answer: _Answer, is_peer: Callable[[Request], bool]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        caller = speaks_for(request, is_peer)
        return Response(await answer(await request.body(), caller), media_type="application/json")

    return endpoint


def speaks_for(request: Request, is_peer: Callable[[Request], bool]) -> Caller:
    """Return for whom a peer asks; who is nobody in particular there is nobody in particular here.

    Raises
    ------
    NotAPeerError
        Somebody else asks.
    """
    caller: Caller = request.state.caller
    if caller.principal is None or not is_peer(request):
        raise NotAPeerError
    if caller.peer is not None and caller.principal == Principal(site_issuer(caller.peer), SITE_SUBJECT):
        return Caller(scopes=caller.scopes, peer=caller.peer, request_id=caller.request_id)
    return caller
