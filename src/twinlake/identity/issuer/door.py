"""The way past the site's own authenticator: into the realms, where who comes has yet to become somebody, and with permissions.

A permission is an address that is signed for a while, or what else needs nobody in particular to come with it.
"""

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from twinlake.engines.web.trace import trace_of
from twinlake.identity.policy.service import Policy
from twinlake.identity.principals import ANONYMOUS

_REALMS = ("/realms/", "/auth/realms/")


class RealmDoor:
    """Lets requests to the realms in as nobody's, whatever stands in ``Authorization``: there it names clients.

    A path that begins with two slashes is the one with one: notebooks ask for ``https://issuer//realms/…``. Requests that prove
    themselves come in as nobody's, too: a token that has expired since must not stand in their way.

    Parameters
    ----------
    app
        The site behind its authenticator.
    inside
        The site itself.
    proves_itself
        Tells such requests.
    """

    def __init__(
        self, app: ASGIApp, *, inside: ASGIApp, policy: Policy, proves_itself: Callable[[Scope], bool] = lambda _: False
    ) -> None:
        self.app = app
        self._inside = inside
        self._policy = policy
        self._proves_itself = proves_itself

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        if path.startswith("//"):
            path = "/" + path.lstrip("/")
        if path.startswith(_REALMS):
            scope.update(path=path, raw_path=path.encode())
        elif not self._proves_itself(scope):
            await self.app(scope, receive, send)
            return
        caller = ANONYMOUS.within(trace_of(scope).request_id)
        scope["state"].update(policy=self._policy, caller=caller, form_token="")
        await self._inside(scope, receive, send)
