"""Where the pages of a realm are. A refusal on the way is a page, too."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from twinlake.identity.issuer.account_pages import AccountPages
from twinlake.identity.issuer.device_pages import DevicePages
from twinlake.identity.issuer.forms import MAX_BODY_BYTES
from twinlake.identity.issuer.models import Realm
from twinlake.identity.issuer.sign_out import SignOut
from twinlake.identity.web import guarded

_Page = Callable[[Request, Realm], Awaitable[Response]]


def routes(realm: Realm, account: AccountPages, devices: DevicePages, sign_out: SignOut) -> list[BaseRoute]:
    """Return the routes of *realm* for people."""
    sign_in = account.sign_in
    protocol = f"{realm.path}/protocol/openid-connect"

    def page(path: str, show: _Page, method: str) -> BaseRoute:
        async def endpoint(request: Request) -> Response:
            return await sign_in.pages.shown(show(request, realm))

        name = f"{realm.name}_{show.__name__}"
        return guarded(path, endpoint, methods=[method], action="public", name=name, max_body_bytes=MAX_BODY_BYTES)

    return [
        page(f"{protocol}/auth", sign_in.authorize, "GET"),
        page(f"{realm.path}/login-actions/authenticate", sign_in.check, "POST"),
        page(f"{realm.path}/login-actions/required-action", sign_in.show_terms, "GET"),
        page(f"{realm.path}/login-actions/required-action", sign_in.accept_terms, "POST"),
        page(f"{realm.path}/device", devices.show_device, "GET"),
        page(f"{realm.path}/device", devices.decide_device, "POST"),
        page(f"{realm.path}/account", account.show_account, "GET"),
        page(f"{realm.path}/account/sessions", account.end_session, "POST"),
        page(f"{realm.path}/account/second-factor", account.show_factor, "GET"),
        page(f"{realm.path}/account/second-factor", account.change_factor, "POST"),
        page(f"{protocol}/logout", sign_out.show_logout, "GET"),
        page(f"{protocol}/logout", sign_out.log_out, "POST"),
    ]
