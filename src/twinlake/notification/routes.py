"""``GET /events``: the stream over HTTP."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from twinlake.identity.web import guarded
from twinlake.notification.asking import parse_stream_request
from twinlake.notification.stream import STREAM_HEADERS, EventStreams


def routes(streams: EventStreams) -> list[BaseRoute]:
    """Declare the stream; its readers see what they may discover."""
    return [guarded("/events", _Endpoints(streams).follow, methods=["GET"], action="discover")]


class _Endpoints:
    def __init__(self, streams: EventStreams) -> None:
        self._streams = streams

    async def follow(self, request: Request) -> Response:
        """Answer with the stream, or with its headers alone."""
        asked = parse_stream_request(request)
        if request.method == "HEAD":
            return Response(headers=STREAM_HEADERS)
        return await self._streams.open(asked, request.state.caller)
