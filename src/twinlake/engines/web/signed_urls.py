"""URLs that carry their own permission for a few minutes: the one signer of a site."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, urlencode

from twinlake.core.clock import Clock
from twinlake.core.errors import ForbiddenError

MAX_LIFETIME = timedelta(minutes=5)
_TAG = b"&signature="


class SignatureError(ForbiddenError):
    """The URL was not signed by this site, or for something else."""

    code = "signed-url-invalid"


class SignatureExpiredError(ForbiddenError):
    """The URL was good and is too old."""

    code = "signed-url-expired"


class UrlSigner:
    """Signs a path with its parameters for one purpose and a short time (HMAC-SHA-256).

    The signature covers the purpose, the decoded path (a proxy may write an escape differently) and the query
    as it stands, byte by byte.

    Parameters
    ----------
    longest
        No URL lives longer.
    """

    def __init__(self, *, key: bytes, clock: Clock, longest: timedelta = MAX_LIFETIME) -> None:
        self._key = key
        self._clock = clock
        self._longest = longest

    def sign(self, path: str, parameters: Mapping[str, str], *, purpose: str, lifetime: timedelta) -> str:
        """Return *path*, percent-encoded, with *parameters*, expiry and signature in its query.

        Parameters
        ----------
        path
            Decoded, beginning with a slash; as the application will see it.
        purpose
            What the URL is for, such as ``read bytes``; a URL for one purpose is no good for another.
        lifetime
            At most that of the signer.
        """
        if lifetime > self._longest:
            raise ValueError(f"A signed URL lives at most {self._longest}.")
        expires = int((self._clock.now() + lifetime).timestamp())
        query = urlencode({**parameters, "expires": str(expires)})
        signature = self._signature(purpose, path, query.encode()).decode()
        return f"{quote(path)}?{query}{_TAG.decode()}{signature}"

    def verify(self, path: str, query: bytes, *, purpose: str) -> dict[str, str]:
        """Return the parameters of a URL that this signer made for *purpose* and that has not expired.

        Raises
        ------
        SignatureError
            It is not.
        SignatureExpiredError
            It was, but is too old.
        """
        signed, _, signature = query.partition(_TAG)
        if not hmac.compare_digest(signature, self._signature(purpose, path, signed)):
            raise SignatureError(
                "The signature of this URL does not fit it.", remedy="Use the URL exactly as it was given, or ask for a new one."
            )
        parameters = dict(parse_qsl(signed.decode(), keep_blank_values=True))
        if datetime.fromtimestamp(int(parameters.pop("expires")), UTC) <= self._clock.now():
            raise SignatureExpiredError("This URL has expired.", remedy="Ask for a new one where you got it.")
        return parameters

    def _signature(self, purpose: str, path: str, query: bytes) -> bytes:
        parts = (purpose.encode(), path.encode("utf-8", "surrogatepass"), query)
        message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return base64.urlsafe_b64encode(hmac.new(self._key, message, hashlib.sha256).digest()).rstrip(b"=")
