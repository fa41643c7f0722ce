"""Pictures of other sites' items: pages load nothing from elsewhere, so this site gets them for its readers."""

from starlette.requests import Request
from starlette.responses import Response

from twinlake.access.delivery import AssetName, Elsewhere
from twinlake.access.delivery.errors import NoPictureError
from twinlake.engines.web.representation import CONTENT_POLICY

_STARTS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF87a": "image/gif", b"GIF89a": "image/gif"}
_HEADERS = {"Cache-Control": "private, max-age=3600", "Content-Security-Policy": CONTENT_POLICY}


class PictureDesk:
    """Hands on pictures that peers hold, as far as they let the reader have them."""

    def __init__(self, *, elsewhere: Elsewhere) -> None:
        self._elsewhere = elsewhere

    async def send(self, request: Request) -> Response:
        """Answer with a picture.

        Raises
        ------
        NoPictureError
            What the peer sent is none, whatever it calls it.
        TwinlakeError
            As `Elsewhere.get_picture`.
        """
        picture = await self._elsewhere.get_picture(request.state.caller, AssetName(**request.path_params))
        media_type = _find_type(picture)
        if media_type is None:
            raise NoPictureError("What the site sent is no picture that a page could show.")
        return Response(picture, media_type=media_type, headers=_HEADERS)


def _find_type(content: bytes) -> str | None:
    """Return the media type of a PNG, JPEG, GIF or WebP picture by its first bytes."""
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return next((media_type for start, media_type in _STARTS.items() if content.startswith(start)), None)
