"""Who is let in, on every route that a site has."""

from twinlake.identity.web import list_guarded_routes
from twinlake.testing.identity import PERSONAS, assert_every_route_is_guarded, find_wrong_admissions

FORMS = ("POST /jobs/{job}/cancel ",)


async def test_every_route_of_a_site_is_guarded(site):
    assert_every_route_is_guarded(site.app)
    paths = {route.path for route in list_guarded_routes(site.app)}
    assert {
        "/stac/v2/search", "/data/{backend}/{collection}/{item}/{asset}", "/bytes/{sha256}/{filename}", "/events", "/webhooks", "/jobs",
        "/uploads", "/api/audit", "/health", "/metrics", "/explore",
    } <= paths  # fmt: skip


async def test_every_route_of_a_site_admits_whom_it_should(site):
    tokens = {name: await site.token(name, roles=each.roles, scopes=each.scopes) for name, each in PERSONAS.items()}

    wrong = await find_wrong_admissions(site.app, tokens)

    # The forms of the console are for its sessions alone: a token in a header is told so (403).
    assert [each for each in wrong if not (each.startswith(FORMS) and each.endswith("403, should be let in"))] == []


async def test_no_answer_to_anything_wrong_shows_the_program(site):
    """Whatever is asked badly, nobody is shown a traceback, and the site makes no mistake of its own."""
    token = await site.token("admin", roles={"administrator"})
    odd = ["%00", "..%2f..%2fetc%2fpasswd", "%ff%fe", "a" * 3000, "%F0%9F%8C%8D", "-1", "NaN"]
    async with site.client(token) as client:
        for route in list_guarded_routes(site.app):
            for method in set(route.methods) - {"HEAD"}:
                for value in odd if "{" in route.path else [""]:
                    path = "/".join(value if part.startswith("{") else part for part in route.path.split("/"))
                    if path.endswith("/events"):
                        continue  # an endless answer
                    answer = await client.request(method, path, content=b'{"x": [1', headers={"content-type": "application/json"})
                    assert answer.status_code < 500, (method, path, answer.text)
                    assert b"Traceback" not in answer.content
                    assert b".py" not in answer.content.partition(b"<script")[0] or answer.status_code < 400, (method, path)
    assert [line for line in site.log() if line["level"] == "error"] == []
