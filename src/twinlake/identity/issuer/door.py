"""The way into the realms: past the site's own authenticator, for who comes has yet to become somebody."""

from starlette.types import ASGIApp, Receive, Scope, Send

from twinlake.engines.web.trace import trace_of
from twinlake.identity.policy.service import Policy
from twinlake.identity.principals import ANONYMOUS

_REALMS = ("/realms/", "/auth/realms/")


class RealmDoor:
    """Lets requests to the realms in as nobody's, whatever stands in ``Authorization``: there it names clients.

    A path that begins with two slashes is the one with one: notebooks ask for ``https://issuer//realms/…``.

    Parameters
    ----------
    app
        The site behind its authenticator.
    inside
        The site itself.
    """

    def __init__(self, app: ASGIApp, *, inside: ASGIApp, policy: Policy) -> None:
        self.app = app
        self._inside = inside
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        if path.startswith("//"):
            path = "/" + path.lstrip("/")
        if not path.startswith(_REALMS):
            await self.app(scope, receive, send)
            return
        scope.update(path=path, raw_path=path.encode())
        caller = ANONYMOUS.within(trace_of(scope).request_id)
        scope["state"].update(policy=self._policy, caller=caller, form_token="")
        await self._inside(scope, receive, send)
