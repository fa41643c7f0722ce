"""Pre-signed S3 URLs that say what the answer shall call itself, which obstore does not sign.

Source: AWS Signature Version 4 in the query,
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlsplit

_SIGNATURE = "X-Amz-Signature"
_ALGORITHM = "AWS4-HMAC-SHA256"


def sign_again(url: str, parameters: Mapping[str, str], *, access_key: str, secret_key: str) -> str | None:
    """Return *url*, a pre-signed one for GET, with *parameters* added and signed; None if *access_key* did not sign it.

    Parameters
    ----------
    parameters
        Such as ``response-content-disposition``; S3 answers with these headers.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    del query[_SIGNATURE]
    signer, _, scope = query["X-Amz-Credential"].partition("/")
    if signer != access_key:
        return None
    query |= parameters
    asked = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in sorted(query.items()))
    request = "\n".join(("GET", parts.path, asked, f"host:{parts.netloc}\n", "host", "UNSIGNED-PAYLOAD"))
    text = "\n".join((_ALGORITHM, query["X-Amz-Date"], scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = _sign(key, part)
    return f"{parts.scheme}://{parts.netloc}{parts.path}?{asked}&{_SIGNATURE}={_sign(key, text).hex()}"


def _sign(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
