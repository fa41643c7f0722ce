"""What sites ask each other: who they are, to be taken in, how far they are."""

from typing import Annotated

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from twinlake.core.errors import InvalidInputError, NotFoundError
from twinlake.federation.errors import NotAPeerError
from twinlake.federation.sites.calls import VIA
from twinlake.federation.sites.errors import InviteError, JoinRefusedError
from twinlake.federation.sites.hearing import PATH
from twinlake.federation.sites.joining import JOIN_PATH, MAX_MESSAGE_BYTES, STANDING_PATH
from twinlake.federation.sites.opening import Sites
from twinlake.federation.sites.watching import PROBE_BYTES, PROBE_PATH
from twinlake.identity.attempts import AttemptLimit
from twinlake.identity.web import guarded

_KEPT_SECONDS = 10


class _Signed(msgspec.Struct, forbid_unknown_fields=True):
    """The body of what one site says to another."""

    signed: Annotated[str, msgspec.Meta(max_length=MAX_MESSAGE_BYTES)]


def routes(sites: Sites, *, attempts: AttemptLimit) -> list[BaseRoute]:
    """Declare them. A message is proven by its signature; *attempts* limits those that are not good, per address."""
    endpoints = _Endpoints(sites, attempts)
    return [
        guarded(PATH, endpoints.get_descriptor, methods=["GET"], action="public"),
        guarded(JOIN_PATH, endpoints.join, methods=["POST"], action="public", max_body_bytes=MAX_MESSAGE_BYTES),
        guarded(STANDING_PATH, endpoints.hear, methods=["POST"], action="public", max_body_bytes=MAX_MESSAGE_BYTES),
        guarded(f"{PROBE_PATH}/{{size:int}}", endpoints.probe, methods=["GET"], action="discover"),
    ]


def via_of(request: Request) -> tuple[str, ...]:
    """Return the ids of the sites over which *request* came; none where a user asks."""
    return tuple(site for site in (part.strip() for part in request.headers.get(VIA, "").split(",")) if site)


class _Endpoints:
    def __init__(self, sites: Sites, attempts: AttemptLimit) -> None:
        self._sites = sites
        self._attempts = attempts

    async def get_descriptor(self, request: Request) -> Response:
        """Answer with what this site says of itself; peers also get its measurements of the ways to its own peers."""
        body = await self._sites.own.to_json()
        if request.state.caller.peer is None:
            headers = {"cache-control": f"max-age={_KEPT_SECONDS}", "vary": "authorization"}
            return Response(body, media_type="application/json", headers=headers)
        links = self._sites.links
        return _json({**orjson.loads(body), "links": links.to_json(await links.list_latest())})

    async def join(self, request: Request) -> Response:
        """Take in a site that was invited, for an operator to confirm."""
        with _Counted(self._attempts, request):
            return _json({"standing": await self._sites.joining.admit(await _read_signed(request))}, status=202)

    async def hear(self, request: Request) -> Response:
        """Hear what this site is to a peer, and answer with what it is here."""
        with _Counted(self._attempts, request):
            return _json({"signed": await self._sites.joining.hear(await _read_signed(request))})

    async def probe(self, request: Request) -> Response:
        """Answer a peer with so many bytes."""
        if request.state.caller.peer is None:
            raise NotAPeerError
        size_bytes = request.path_params["size"]
        if size_bytes > PROBE_BYTES:
            raise NotFoundError(f"There are no more than {PROBE_BYTES} bytes to measure with.")
        return Response(bytes(size_bytes), media_type="application/octet-stream", headers={"cache-control": "no-store"})


class _Counted:
    """Counts messages that are not good against the address that they come from."""

    def __init__(self, attempts: AttemptLimit, request: Request) -> None:
        self._attempts = attempts
        self._client = request.client.host if request.client else ""

    def __enter__(self) -> None:
        self._attempts.check(self._client)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, InviteError | JoinRefusedError):
            self._attempts.note_failure(self._client)


async def _read_signed(request: Request) -> str:
    try:
        return msgspec.json.decode(await request.body(), type=_Signed).signed
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"The message does not fit: {error}.") from None


def _json(document: object, *, status: int = 200) -> Response:
    return Response(
        orjson.dumps(document), status_code=status, media_type="application/json", headers={"cache-control": "no-store"}
    )
