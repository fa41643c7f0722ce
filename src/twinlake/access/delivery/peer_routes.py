"""What this site answers to a peer that asks for an asset on behalf of somebody: where it is to be got, or a picture itself."""

from collections.abc import Callable

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from twinlake.access.delivery.elsewhere import LINK, PICTURE, PICTURE_BYTES
from twinlake.access.delivery.errors import NoPictureError
from twinlake.access.delivery.sender import DirectSender
from twinlake.access.delivery.service import Delivery
from twinlake.access.delivery.signing import DataSigner, check_remote
from twinlake.engines.web.files import ContentResponse
from twinlake.federation.search.answering import read_message
from twinlake.federation.search.routes import speaks_for
from twinlake.federation.search.wire import Chain, Name
from twinlake.holdings.catalogue.interfaces import Linked, Managed, StoredAsset
from twinlake.identity.web import guarded

_BODY_BYTES = 16 << 10


class AssetMessage(msgspec.Struct, forbid_unknown_fields=True):
    """A question for one asset."""

    chain: Chain
    collection: Name
    item: Name
    asset: Name


def peer_routes(
    *, delivery: Delivery, direct: DirectSender, signer: DataSigner, is_peer: Callable[[Request], bool]
) -> list[BaseRoute]:
    """Return the routes; *is_peer* tells whether a request came with a token that this site has given to a peer."""
    answers = _Answers(delivery, direct, signer, is_peer)
    return [
        guarded(path, endpoint, methods=["POST"], action="read", name=f"federation_{name}", max_body_bytes=_BODY_BYTES)
        for name, path, endpoint in (("link", LINK, answers.link), ("picture", PICTURE, answers.picture))
    ]


class _Answers:
    def __init__(self, delivery: Delivery, direct: DirectSender, signer: DataSigner, is_peer: Callable[[Request], bool]) -> None:
        self._delivery = delivery
        self._direct = direct
        self._signer = signer
        self._is_peer = is_peer

    async def link(self, request: Request) -> Response:
        asset = await self._find(request)
        if asset.holding is None:
            check_remote(asset.href or "")
        url = self._signer.sign(asset.collection, asset.item, asset.key)
        return Response(orjson.dumps({"url": url}), media_type="application/json")

    async def picture(self, request: Request) -> Response:
        asset = await self._find(request)
        held = asset.holding if isinstance(asset.holding, Managed | Linked) else None
        if held is None or not (asset.media_type or "").startswith("image/") or held.size_bytes > PICTURE_BYTES:
            raise NoPictureError("The asset is no picture of at most 4 MiB that is held here.")
        representation, content = await self._direct.open(asset.filename, asset.media_type, held)
        return ContentResponse(representation, content, {"Cache-Control": "no-store"})

    async def _find(self, request: Request) -> StoredAsset:
        caller = speaks_for(request, self._is_peer)
        message = read_message(await request.body(), AssetMessage, site_id=self._delivery.backend)
        return await self._delivery.get_asset(
            caller, backend=self._delivery.backend, collection=message.collection, item=message.item, asset=message.asset
        )
