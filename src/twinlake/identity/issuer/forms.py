"""Forms and queries as OAuth wants them: every parameter at most once (RFC 6749, section 3.2), everything else refused."""

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from twinlake.core.paging import TokenSeal
from twinlake.engines.web.trace import trace_of
from twinlake.identity.errors import CrossSiteFormError
from twinlake.identity.issuer.errors import invalid_request
from twinlake.identity.issuer.models import Realm, TokenRequest
from twinlake.identity.issuer.session_rows import Session

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


async def read_token_request(request: Request, realm: Realm) -> TokenRequest:
    """Return what a client sends with its credentials; raises as `read_form` does."""
    trace = trace_of(request.scope)
    return TokenRequest(
        realm=realm,
        form=await read_form(request),
        authorization=request.headers.get("authorization", ""),
        address=trace.client,
        request_id=trace.request_id,
    )


class FormTokens:
    """Shows that a form was made by this site for the session that sends it."""

    def __init__(self, *, seal: TokenSeal) -> None:
        self._seal = seal

    def token(self, session: Session, *, about: str = "") -> str:
        """Return what a form of *session* holds in its field ``form_token``; where it is *about* something, for that alone."""
        return self._seal.seal(b"", f"form|{session.sid}|{about}".encode())

    def is_of(self, form: Mapping[str, str], session: Session, *, about: str = "") -> bool:
        """Tell whether *form* holds it."""
        return hmac.compare_digest(form.get("form_token", "").encode(), self.token(session, about=about).encode())

    def require(self, form: Mapping[str, str], session: Session, *, about: str = "") -> None:
        """Check that *form* holds it.

        Raises
        ------
        CrossSiteFormError
            It does not.
        """
        if not self.is_of(form, session, about=about):
            raise CrossSiteFormError("The form does not belong to this session.", remedy="Load the page again and repeat.")


def _parse(encoded: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(encoded.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS)
    except ValueError:
        raise invalid_request("The parameters are malformed.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise invalid_request("A parameter is there twice.")
    return fields
