"""Forms and queries as OAuth wants them: every parameter at most once (RFC 6749, section 3.2), everything else refused."""

from urllib.parse import parse_qsl

from starlette.requests import Request

from twinlake.identity.issuer.errors import invalid_request

MAX_BODY_BYTES = 64 << 10
_FIELDS = 60


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form.

    Raises
    ------
    OAuthError
        It is of another media type, malformed, or has a field twice.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if not body:
        return {}
    if kind != "application/x-www-form-urlencoded":
        raise invalid_request("The body must be application/x-www-form-urlencoded.")
    return _parse(body)


def read_query(request: Request) -> dict[str, str]:
    """Return the parameters of a query; raises as `read_form` does."""
    return _parse(request.scope["query_string"])


def _parse(encoded: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(encoded.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS)
    except ValueError:
        raise invalid_request("The parameters are malformed.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise invalid_request("A parameter is there twice.")
    return fields
