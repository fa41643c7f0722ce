"""Addresses of data that are good for whoever has them, for some minutes; and where those of other machines may lead."""

from datetime import timedelta
from urllib.parse import urlsplit

from starlette.requests import Request

from twinlake.access.delivery.errors import AssetNotOnlineError
from twinlake.engines.web.signed_urls import UrlSigner

_PATH = "/data/{backend}/{collection}/{item}/{asset}"
_READ_DATA = "read data"
"""Purpose of signed URLs under ``/data``: GET and HEAD of one asset."""


class DataSigner:
    """Signs addresses under ``/data`` of this site.

    Parameters
    ----------
    backend
        Id of this site.
    """

    def __init__(self, *, signer: UrlSigner, public_url: str, backend: str, lifetime: timedelta) -> None:
        self._signer = signer
        self._public_url = public_url
        self._backend = backend
        self._lifetime = lifetime

    def sign(self, collection: str, item: str, asset: str) -> str:
        """Return the absolute URL of an asset that its holder may read."""
        path = _PATH.format(backend=self._backend, collection=collection, item=item, asset=asset)
        return self._public_url + self._signer.sign(path, {}, purpose=_READ_DATA, lifetime=self._lifetime)

    def vouches_for(self, request: Request) -> bool:
        """Tell whether *request* is for a signed address; one without a signature is not.

        Raises
        ------
        SignatureError, SignatureExpiredError
            The signature is not good, or is too old.
        """
        query: bytes = request.scope["query_string"]
        if b"&signature=" not in query:
            return False
        self._signer.verify(
            "/data/{backend}/{collection}/{item}/{asset}".format(**request.path_params), query, purpose=_READ_DATA
        )
        return True


def check_remote(href: str) -> str:
    """Return *href* if a reader can be sent there.

    Raises
    ------
    AssetNotOnlineError
        It is no absolute http(s) URL.
    """
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
