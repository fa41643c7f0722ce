"""``/data/…`` for everybody who may and whoever holds a signed URL, ``/bytes/…`` for the latter alone."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from twinlake.access.delivery.bundles import BundleSender
from twinlake.access.delivery.elsewhere import AssetName, Elsewhere
from twinlake.access.delivery.redirects import READ_BYTES, redirect
from twinlake.access.delivery.sender import DirectSender, Sender
from twinlake.access.delivery.service import Delivery
from twinlake.access.delivery.signing import DataSigner, check_remote
from twinlake.engines.web.files import ContentResponse
from twinlake.engines.web.signed_urls import UrlSigner
from twinlake.engines.web.trace import trace_of
from twinlake.holdings.catalogue.interfaces import Bundle, Managed, StoredAsset
from twinlake.identity.web import guarded

_PRIVATE = "private, no-cache"


def routes(
    *,
    delivery: Delivery,
    elsewhere: Elsewhere,
    sender: Sender,
    direct: DirectSender,
    signer: UrlSigner,
    data_signer: DataSigner,
) -> list[BaseRoute]:
    """Return the routes of delivery; *sender* is the way out that the site's settings choose."""
    endpoints = _Endpoints(
        delivery=delivery,
        elsewhere=elsewhere,
        sender=sender,
        direct=direct,
        bundles=BundleSender(direct=direct),
        signer=signer,
        data_signer=data_signer,
    )
    methods = ("GET", "HEAD")
    return [
        guarded("/data/{backend}/{collection}/{item}/{asset}", endpoints.get_data, methods=methods, action="read"),
        guarded("/bytes/{sha256}/{filename}", endpoints.get_bytes, methods=methods, action="public"),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Endpoints:
    delivery: Delivery
    elsewhere: Elsewhere
    sender: Sender
    direct: DirectSender
    bundles: BundleSender
    signer: UrlSigner
    data_signer: DataSigner

    async def get_data(self, request: Request) -> Response:
        caller, name = request.state.caller, AssetName(**request.path_params)
        if name.backend != self.delivery.backend:
            return redirect(await self.elsewhere.find_url(caller, name))
        if self.data_signer.vouches_for(request):
            asset = await self.delivery.get_vouched_asset(name.collection, name.item, name.asset)
            return await self._send(request, asset, cache_control=_PRIVATE)
        asset = await self.delivery.get_asset(caller, **request.path_params)
        # What is given to nobody in particular is for everybody, shared caches included.
        return await self._send(request, asset, cache_control="no-cache" if caller.principal is None else _PRIVATE)

    async def _send(self, request: Request, asset: StoredAsset, *, cache_control: str) -> Response:
        if asset.holding is None:
            return redirect(check_remote(asset.href or ""))
        if isinstance(asset.holding, Bundle):
            return await self.bundles.send(asset, asset.holding, cache_control=cache_control)
        return await self.sender.send(request, asset, asset.holding, cache_control=cache_control)

    async def get_bytes(self, request: Request) -> Response:
        """Answer a signed URL: the signature is the permission."""
        sha256, filename = request.path_params["sha256"], request.path_params["filename"]
        parameters = self.signer.verify(f"/bytes/{sha256}/{filename}", request.scope["query_string"], purpose=READ_BYTES)
        trace_of(request.scope).collection = parameters["collection"]
        holding = Managed(sha256, int(parameters["size"]))
        representation, content = await self.direct.open(filename, parameters["type"] or None, holding)
        return ContentResponse(representation, content, {"Cache-Control": _PRIVATE})
