"""How failures are told."""

import orjson
from starlette.responses import Response
from starlette.types import Scope

from twinlake.engines.web.problems import Problem

_CODES = {
    "unauthenticated": "AuthenticationRequired",
    "sign-in-required": "AuthenticationRequired",
    "invalid-token": "TokenInvalid",
    "unknown-provider": "AuthenticationSchemeInvalid",
    "forbidden": "PermissionsInsufficient",
    "internal-error": "Internal",
    "not-found": "NotFound",
    "collection-not-found": "CollectionNotFound",
    "refused-by-policy": "PermissionsInsufficient",
    "signed-url-invalid": "PermissionsInsufficient",
    "signed-url-expired": "ResultLinkExpired",
    "unsupported-media-type": "ContentTypeInvalid",
    "invalid-input": "InvalidParameterValue",
    "invalid-filter": "InvalidParameterValue",
}
"""Codes of the site, as clients of openEO know them; of parameters, for which openEO has none, as those of OGC's APIs do."""

_SIGN_IN = "In Python: connection.authenticate_oidc(), or authenticate_basic(name, password)."


def render_openeo_error(scope: Scope, problem: Problem) -> Response:
    """Write *problem* in the form of openEO (``id``, ``code``, ``message``, ``links``)."""
    _ = scope
    code = _CODES.get(problem.code) or "".join(part[0].upper() + part[1:] for part in problem.code.split("-") if part)
    status = 403 if code in {"TokenInvalid", "AuthenticationSchemeInvalid"} else problem.status
    parts = [problem.detail, problem.remedy, _SIGN_IN if code == "AuthenticationRequired" else None]
    message = " ".join(each for each in parts if each)
    content = {"id": problem.ticket or problem.request_id, "code": code, "message": message, "links": [], **problem.members}
    return Response(orjson.dumps(content), status, dict(problem.headers), media_type="application/json")
