"""``/data/…`` for everybody who may, ``/bytes/…`` for whoever holds a signed URL."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from twinlake.access.delivery.bundles import BundleSender
from twinlake.access.delivery.errors import AssetNotOnlineError
from twinlake.access.delivery.redirects import READ_BYTES, redirect
from twinlake.access.delivery.sender import DirectSender, Sender
from twinlake.access.delivery.service import Delivery
from twinlake.engines.web.files import ContentResponse
from twinlake.engines.web.signed_urls import UrlSigner
from twinlake.engines.web.trace import trace_of
from twinlake.holdings.catalogue.interfaces import Bundle, Managed
from twinlake.identity.web import guarded

_PRIVATE = "private, no-cache"


def routes(*, delivery: Delivery, sender: Sender, direct: DirectSender, signer: UrlSigner) -> list[BaseRoute]:
    """Return the routes of delivery; *sender* is the way out that the site's settings choose."""
    endpoints = _Endpoints(delivery, sender, direct, signer)
    methods = ("GET", "HEAD")
    return [
        guarded("/data/{backend}/{collection}/{item}/{asset}", endpoints.get_data, methods=methods, action="read"),
        guarded("/bytes/{sha256}/{filename}", endpoints.get_bytes, methods=methods, action="public"),
    ]


class _Endpoints:
    def __init__(self, delivery: Delivery, sender: Sender, direct: DirectSender, signer: UrlSigner) -> None:
        self._delivery = delivery
        self._sender = sender
        self._direct = direct
        self._bundles = BundleSender(direct=direct)
        self._signer = signer

    async def get_data(self, request: Request) -> Response:
        caller = request.state.caller
        asset = await self._delivery.get_asset(caller, **request.path_params)
        if asset.holding is None:
            return redirect(_check_remote(asset.href or ""))
        # What is given to nobody in particular is for everybody, shared caches included.
        cache_control = "no-cache" if caller.principal is None else _PRIVATE
        if isinstance(asset.holding, Bundle):
            return await self._bundles.send(asset, asset.holding, cache_control=cache_control)
        return await self._sender.send(request, asset, asset.holding, cache_control=cache_control)

    async def get_bytes(self, request: Request) -> Response:
        """Answer a signed URL: the signature is the permission."""
        sha256, filename = request.path_params["sha256"], request.path_params["filename"]
        parameters = self._signer.verify(f"/bytes/{sha256}/{filename}", request.scope["query_string"], purpose=READ_BYTES)
        trace_of(request.scope).collection = parameters["collection"]
        holding = Managed(sha256, int(parameters["size"]))
        representation, content = await self._direct.open(filename, parameters["type"] or None, holding)
        return ContentResponse(representation, content, {"Cache-Control": _PRIVATE})


def _check_remote(href: str) -> str:
    try:
        parts = urlsplit(href)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and href.isprintable()
    except ValueError:
        is_good = False
    if not is_good:
        raise AssetNotOnlineError(
            "This asset cannot be fetched: its bytes are not at this site and its address is no absolute http(s) URL.",
            remedy="The item's own document says where the asset is meant to be.",
        )
    return href
