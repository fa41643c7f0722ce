"""A small site: everything of identity in memory, and a few routes."""

import pytest
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Router

from twinlake.core.paging import TokenSeal
from twinlake.engines.database import MemoryDatabase
from twinlake.engines.web.api import new_api
from twinlake.identity.accounts import Accounts
from twinlake.identity.keys.jwt import sign
from twinlake.identity.principals import Caller, Principal, site_issuer
from twinlake.identity.routes import declare_routes
from twinlake.identity.schema import MIGRATIONS
from twinlake.identity.sessions import require_form_token
from twinlake.identity.web import guarded
from twinlake.testing.bare_site import BareSite
from twinlake.testing.clock import HandClock
from twinlake.testing.keys import open_ring

ISSUER = site_issuer("test")
SYSTEM = Caller(principal=Principal(ISSUER, "system"))


async def _hello(request):
    return JSONResponse({"caller": str(request.state.caller.principal), "form_token": request.state.form_token})


async def _form(request):
    require_form_token(request.state.form_token, await request.form())
    return Response(status_code=204)


async def _fail(request):
    raise RuntimeError("the secret of the house is tl_0123456789abcdef." + "S" * 43)


class Site(BareSite):
    def access_token(self, subject, **changed):
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": self.dedl_url,
            "sub": subject,
            "typ": "Bearer",
            "aud": ["hda-public", "account"],
            "sid": f"sid-{subject}",
            "iat": now,
            "exp": now + 36_000,
            "realm_access": {"roles": []},
            "scope": "openid",
            "twinlake:principal": f"{ISSUER}|{subject}",
        }
        return sign(claims | changed, self.ring.signing_key("dedl"), typ="JWT")


@pytest.fixture
async def site():
    async with MemoryDatabase(migrations=MIGRATIONS) as database:
        clock = HandClock()
        site = Site(database=database, clock=clock, ring=await open_ring(database, clock))
        site.serve(Router([
            guarded("/", _hello, methods=["GET", "POST"], action="public"),
            guarded("/form", _form, methods=["POST"], action="public"),
            guarded("/fail", _fail, methods=["GET"], action="public"),
            guarded("/data/{collection}/{item}", _hello, methods=["GET"], action="read"),
            guarded("/items", _hello, methods=["POST"], action="write"),
            guarded("/jobs", _hello, methods=["GET", "POST"], action="run"),
            guarded("/collections", _hello, methods=["POST"], action="create_collection"),
            Mount("/api", _account_api(site)),
        ]), cors_origins=["https://map.example"], max_body_bytes=1000)  # fmt: skip
        yield site


def _account_api(site):
    api = new_api(title="Test", version="0")

    async def may_write(caller):
        return site.policy.decide(caller, "create_collection").allowed

    accounts = Accounts(tokens=site.tokens, grants=site.grants, policy=site.policy, may_write=may_write)
    declare_routes(api, accounts=accounts, policy=site.policy, audit=site.audit, usage=site.usage, seal=TokenSeal(b"k" * 32))
    return api
