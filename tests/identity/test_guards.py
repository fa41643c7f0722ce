"""Routes behind their guards, and the walk that finds those that are not."""

import pytest
from starlette.responses import Response
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles

from twinlake.engines.web.boundary import ErrorBoundary
from twinlake.identity.web import guarded, guarded_api, list_guarded_routes
from twinlake.testing.identity import PERSONAS, assert_every_route_is_guarded, find_wrong_admissions


async def endpoint(request):
    return Response()


def test_a_walk_finds_every_route_through_mounts_and_middleware(site):
    found = {(route.path, route.action, route.on) for route in list_guarded_routes(site.app)}

    assert ("/data/{collection}/{item}", "read", "resource") in found
    assert ("/collections", "create_collection", "site") in found
    assert ("/api/audit", "administer", "site") in found
    assert ("/api/tokens/{key}", "administer", "resource") in found
    assert_every_route_is_guarded(site.app)


async def _naked(scope, receive, send):
    await Response()(scope, receive, send)


@pytest.mark.parametrize(
    "naked",
    [
        lambda tmp_path: Route("/naked", endpoint),
        lambda tmp_path: Mount("/naked", _naked),
        lambda tmp_path: Mount("/naked", StaticFiles(directory=tmp_path)),
        lambda tmp_path: Mount("/inner", ErrorBoundary(Router([Route("/naked", endpoint)]))),
        lambda tmp_path: Mount("/inner", Router([guarded("/a", endpoint, methods=["GET"], action="read")], default=_naked)),
    ],
)
def test_an_unguarded_route_is_found(site, naked, tmp_path):
    site.router.routes.append(naked(tmp_path))

    with pytest.raises(AssertionError, match="routes without an action"):
        assert_every_route_is_guarded(site.app)


def test_a_route_needs_a_known_action_and_an_async_function():
    with pytest.raises(TypeError, match="known action"):
        guarded("/", endpoint, methods=["GET"], action="peek")
    with pytest.raises(TypeError, match="async"):
        guarded("/", lambda request: Response(), methods=["GET"], action="public")
    with pytest.raises(TypeError, match="known action"):
        guarded_api(None, "/", endpoint, methods=["GET"], action="peek")


async def persona_tokens(site):
    return {name: await site.token(name, roles=each.roles, scopes=each.scopes) for name, each in PERSONAS.items()}


async def test_every_route_admits_whom_it_should(site):
    assert not [wrong for wrong in await find_wrong_admissions(site.app, await persona_tokens(site)) if "/fail" not in wrong]


async def test_the_matrix_sees_a_guard_that_is_too_weak(site, monkeypatch):
    tokens = await persona_tokens(site)
    monkeypatch.setitem(PERSONAS, "reader", PERSONAS["administrator"])

    wrong = await find_wrong_admissions(site.app, tokens)

    assert any("/api/audit" in each and "should be let in" in each for each in wrong)


async def test_nobody_is_told_to_sign_in_and_somebody_is_told_the_rule(site):
    async with site.client() as client:
        answer = await client.post("/collections")
    assert (answer.status_code, answer.json()["code"]) == (401, "sign-in-required")
    assert answer.headers["www-authenticate"] == "Bearer"

    async with site.client(await site.token("reader", scopes=["write"])) as client:
        answer = await client.post("/collections")
    assert (answer.status_code, answer.json()["rule"]) == (403, "default-deny")

    async with site.client(await site.token("reader")) as client:
        answer = await client.post("/collections")
    assert (answer.status_code, answer.json()["rule"]) == (403, "scope")
    assert "'write'" in answer.json()["detail"]


async def test_a_route_outside_of_the_sites_middleware_answers_nobody():
    router = Router([guarded("/", endpoint, methods=["GET"], action="public")])
    with pytest.raises(KeyError):
        await router({"type": "http", "method": "GET", "path": "/", "headers": []}, None, None)
