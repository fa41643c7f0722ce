"""Delivery: bytes of assets under ``/data/{backend}/{collection}/{item}/{asset}``.

Speaks: HTTP ranges and conditions (RFC 9110), `Repr-Digest` (RFC 9530).
Clients proven in tests: curl, GDAL's ``/vsicurl``, rasterio, ``twinlake get``.
Needs: a `Catalogue`, a `Policy`, an `ObjectStore`, `LinkedFiles`; one `Sender` that the settings choose.
"""

from twinlake.access.delivery.elsewhere import AssetName, Elsewhere
from twinlake.access.delivery.nginx import NginxSender, write_nginx_conf
from twinlake.access.delivery.peer_routes import peer_routes
from twinlake.access.delivery.redirects import PresignedSender, SignedSender
from twinlake.access.delivery.routes import routes
from twinlake.access.delivery.sender import DirectSender, Sender
from twinlake.access.delivery.service import Delivery
from twinlake.access.delivery.signing import DataSigner

__all__ = [
    "AssetName",
    "DataSigner",
    "Delivery",
    "DirectSender",
    "Elsewhere",
    "NginxSender",
    "PresignedSender",
    "Sender",
    "SignedSender",
    "peer_routes",
    "routes",
    "write_nginx_conf",
]
