"""What every answer shares: ids, errors in one form, limits, headers."""

import asyncio
import io

import httpx2
import orjson
import pytest
from fastapi import Request
from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, Router

from twinlake.core.clock import SystemClock
from twinlake.core.errors import InvalidInputError, NotFoundError, OverloadedError, UnauthenticatedError
from twinlake.core.randomness import SYSTEM_RANDOMNESS
from twinlake.engines.web.api import new_api
from twinlake.engines.web.boundary import ErrorBoundary
from twinlake.engines.web.logs import new_logger
from twinlake.engines.web.metrics import RequestMetrics
from twinlake.engines.web.stack import wrap_site
from twinlake.engines.web.trace import trace_of

SECRET = "tl_0123456789abcdef." + "S" * 43


class RuledError(NotFoundError):
    code = "ruled"

    def __init__(self):
        super().__init__("Not here.", remedy="Look there.")
        self.members = {"rule": "r"}


async def hello(request):
    return JSONResponse({"scheme": request.url.scheme, "client": trace_of(request.scope).client})


async def fail(request):
    match request.path_params["how"]:
        case "overloaded":
            raise OverloadedError("Busy.", retry_after_seconds=7)
        case "unauthenticated":
            raise UnauthenticatedError("Who?")
        case "ruled":
            raise RuledError
        case "teapot":
            raise HTTPException(418, "short and stout", headers={"X-Tea": "green"})
        case "gone":
            raise ClientDisconnect
        case _:
            raise RuntimeError(f"the secret is {SECRET}")


async def body(request):
    return JSONResponse(len(await request.body()))


async def half(request):
    async def chunks():
        yield b"half"
        raise RuntimeError("the other half")

    return StreamingResponse(chunks())


async def endless(request):
    async def chunks():
        while True:
            yield b"x" * 10
            await asyncio.sleep(0)

    return StreamingResponse(chunks())


async def page(request):
    return Response("<p>", headers={"Content-Security-Policy": "default-src 'self'"})


def render_stac(scope, problem):
    content = {"code": problem.code, "description": problem.detail, "ticket": problem.ticket}
    return JSONResponse(content, problem.status, dict(problem.headers))


class Thing(BaseModel):
    size: int


def new_things_api():
    api = new_api(title="Things", version="1")

    async def put(request: Request, name: str, thing: Thing) -> Thing:
        if name == "fail":
            raise RuntimeError(SECRET)
        if name == "invalid":
            raise InvalidInputError("Not that.")
        return thing

    api.add_api_route("/{name}", put, methods=["PUT"])
    return api


class Site:
    def __init__(self, **options):
        self.log, self.finished = io.BytesIO(), []
        self.metrics = RequestMetrics(CollectorRegistry())
        router = Router([
            Route("/", hello, methods=["GET", "POST"]),
            Route("/fail/{how}", fail),
            Route("/body", body, methods=["POST"]),
            Route("/half", half),
            Route("/endless", endless),
            Route("/page", page),
            Route("/data/{collection}", hello),
            Mount("/stac", ErrorBoundary(Router([Route("/fail/{how}", fail)]), render=render_stac)),
            Mount("/things", new_things_api()),
        ])  # fmt: skip
        defaults = {
            "trusted_proxies": ["127.0.0.1", "10.0.0.0/8"],
            "cors_origins": ["https://map.example"],
            "max_body_bytes": 100,
        }
        self.app = wrap_site(
            router,
            authenticate=lambda inner: inner,
            clock=SystemClock(),
            randomness=SYSTEM_RANDOMNESS,
            log=new_logger(self.log, site="test"),
            metrics=self.metrics,
            on_finished=self.finished.append,
            **(defaults | options),
        )

    def client(self, address="192.0.2.7", base_url="http://site.test"):
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app, client=(address, 1)), base_url=base_url)

    def lines(self):
        return [orjson.loads(line) for line in self.log.getvalue().splitlines()]


@pytest.fixture
def site():
    return Site()


async def get(site, path, **headers):
    async with site.client() as client:
        return await client.get(path, headers=headers)


async def test_every_answer_has_a_new_id(site):
    ids = [(await get(site, path)).headers["x-request-id"] for path in ("/", "/", "/nothing", "/fail/x")]

    assert len(set(ids)) == 4
    assert [line["request_id"] for line in site.lines() if line["event"] == "request"] == ids


@pytest.mark.parametrize(
    ("address", "given", "kept"),
    [
        ("127.0.0.1", "abcdef-0123_456.789", True),
        ("10.1.2.3", "a" * 64, True),
        ("192.0.2.7", "abcdef-0123", False),
        ("127.0.0.1", "short", False),
        ("127.0.0.1", "a" * 65, False),
        ("127.0.0.1", 'x"},{"event', False),
    ],
)
async def test_an_id_is_taken_over_only_from_trusted_proxies(site, address, given, kept):
    async with site.client(address) as client:
        answer = await client.get("/", headers={"X-Request-Id": given})

    assert (answer.headers["x-request-id"] == given) is kept


async def test_errors_are_problem_details(site):
    answer = await get(site, "/fail/ruled")

    content = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert content.pop("request_id") == answer.headers["x-request-id"]
    assert len(content.pop("ticket")) == 9
    assert content == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "code": "ruled",
        "detail": "Not here.",
        "remedy": "Look there.",
        "rule": "r",
    }


async def test_errors_carry_the_headers_of_their_kind(site):
    busy, who, tea = [await get(site, f"/fail/{how}") for how in ("overloaded", "unauthenticated", "teapot")]

    assert (busy.status_code, busy.headers["retry-after"]) == (503, "7")
    assert (who.status_code, who.headers["www-authenticate"]) == (401, "Bearer")
    assert (tea.status_code, tea.headers["x-tea"], tea.json()["detail"]) == (418, "green", "short and stout")


async def test_an_unexpected_error_is_told_in_the_log_only(site):
    answer = await get(site, "/fail/x")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert answer.json()["ticket"] in answer.json()["remedy"]
    assert "secret" not in answer.text
    [error] = [line for line in site.lines() if line["event"] == "unexpected error"]
    assert "RuntimeError: the secret is tl_0123456789abcdef.[redacted]" in error["exception"]
    assert error["ticket"] == answer.json()["ticket"]
    assert error["request_id"] == answer.headers["x-request-id"]


async def test_a_sub_app_writes_errors_in_its_own_form(site):
    for how, status in (("ruled", 404), ("x", 500)):
        answer = await get(site, f"/stac/fail/{how}")
        assert (answer.status_code, answer.json().keys()) == (status, {"code", "description", "ticket"})
    assert (await get(site, "/stac/nothing")).json()["code"] == "not-found"


async def test_a_fastapi_sub_app_has_no_error_form_of_its_own(site):
    async with site.client() as client:
        answers = [
            await client.put("/things/a", json={"size": "x"}),
            await client.put("/things/a", content="{", headers={"Content-Type": "application/json"}),
            await client.put("/things/invalid", json={"size": 1}),
            await client.put("/things/fail", json={"size": 1}),
            await client.get("/things/a"),
            await client.get("/things/docs/x"),
        ]

    assert [answer.status_code for answer in answers] == [400, 400, 400, 500, 405, 404]
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
    assert "body.size" in answers[0].json()["detail"]
    assert "/api/openapi.json" in answers[0].json()["remedy"]
    assert SECRET not in "".join(answer.text for answer in answers)
    assert SECRET.encode() not in site.log.getvalue()


async def test_paths_and_methods_that_are_not_there(site):
    async with site.client() as client:
        missing, wrong = await client.get("/nothing"), await client.delete("/")

    assert (missing.status_code, missing.json()["code"]) == (404, "not-found")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method-not-allowed")
    assert "GET" in wrong.headers["allow"]
    assert "Check the address" in missing.json()["remedy"]
    assert "Allow" in wrong.json()["remedy"]


@pytest.mark.parametrize("size", [0, 100, 101, 10_000])
@pytest.mark.parametrize("announced", [True, False])
async def test_no_body_is_read_past_its_limit(site, size, announced):
    async def chunks():
        for _ in range(size):
            yield b"x"

    async with site.client() as client:
        answer = await client.post("/body", content=b"x" * size if announced else chunks())

    if size <= 100:
        assert answer.json() == size
    else:
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
        assert answer.headers["connection"] == "close"


async def test_a_body_that_nobody_reads_is_nobodys_business(site):
    async with site.client() as client:
        assert (await client.post("/nothing", content=b"x" * 1000)).status_code == 404


async def test_an_answer_that_breaks_off_is_reported_and_counted(site):
    await site.app(_scope("/half"), _forever, _ignore)

    broken, request = site.lines()
    assert (broken["event"], request["status"], request["bytes_out"]) == ("answer cut short", 200, 4)
    assert "the other half" in broken["exception"]


async def test_a_client_that_goes_away_is_no_error(site):
    await site.app(_scope("/fail/gone"), _forever, _ignore)

    [request] = site.lines()
    assert (request["event"], request["status"]) == ("request", 499)


async def test_a_cancelled_request_is_logged_with_what_was_sent(site):
    sent = asyncio.Event()

    async def send(message):
        if message["type"] == "http.response.body":
            sent.set()

    task = asyncio.ensure_future(site.app(_scope("/endless"), _forever, send))
    await sent.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert site.finished[0].bytes_out >= 10


async def _forever():
    await asyncio.Event().wait()


async def _ignore(message):
    pass


def _scope(path):
    rest = {"scheme": "http", "headers": [], "client": None, "query_string": b"", "root_path": "", "http_version": "1.1"}
    return {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), **rest}


async def test_security_headers(site):
    answer, own = await get(site, "/"), await get(site, "/page")

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert own.headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert "strict-transport-security" not in answer.headers
    async with site.client(base_url="https://site.test") as client:
        assert "strict-transport-security" in (await client.get("/")).headers


async def test_pages_of_allowed_origins_may_ask_and_read_errors(site):
    async with site.client() as client:
        preflight = await client.options(
            "/fail/ruled", headers={"Origin": "https://map.example", "Access-Control-Request-Method": "PATCH"}
        )
        refused = await client.get("/fail/ruled", headers={"Origin": "https://map.example"})
        foreign = await client.get("/", headers={"Origin": "https://evil.example"})

    assert preflight.headers["access-control-allow-origin"] == "https://map.example"
    assert refused.headers["access-control-allow-origin"] == "https://map.example"
    assert "X-Request-Id" in refused.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in foreign.headers
    assert "access-control-allow-credentials" not in refused.headers


@pytest.mark.parametrize(
    ("peer", "forwarded", "client", "scheme"),
    [
        ("192.0.2.7", "198.51.100.1", "192.0.2.7", "http"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1", "https"),
        ("127.0.0.1", "203.0.113.9, 198.51.100.1, 10.0.0.1", "198.51.100.1", "https"),
        ("127.0.0.1", "10.0.0.2, 10.0.0.1", "10.0.0.2", "https"),
        ("127.0.0.1", "198.51.100.1, nonsense", "127.0.0.1", "https"),
        ("127.0.0.1", "2001:db8::1", "2001:db8::1", "https"),
    ],
)
async def test_the_client_is_whom_trusted_proxies_name(site, peer, forwarded, client, scheme):
    async with site.client(peer) as http:
        answer = await http.get("/", headers={"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"})

    assert answer.json() == {"client": client, "scheme": scheme}


def test_a_trusted_proxy_must_be_a_network():
    with pytest.raises(InvalidInputError, match=r"proxy\.example"):
        Site(trusted_proxies=["proxy.example"])


async def test_whoever_comes_by_the_unix_socket_is_named_so():
    site = Site(trusted_proxies=["unix"])
    await site.app(_scope("/") | {"headers": [(b"x-request-id", b"from-a-child-1")]}, _forever, _ignore)

    assert (site.finished[0].client, site.finished[0].request_id) == ("unix", "from-a-child-1")


async def test_requests_are_counted_by_template(site):
    for name in "abc":
        await get(site, f"/data/{name}")
    await get(site, "/nothing/1")
    await get(site, "/things/x/y")
    async with site.client() as client:
        await client.request("BREW", "/")

    text = site.metrics.expose().decode()
    assert 'twinlake_http_requests_total{method="GET",route="/data/{collection}",status="200"} 3.0' in text
    assert 'twinlake_http_requests_total{method="GET",route="unmatched",status="404"} 2.0' in text
    assert 'method="other"' in text
    assert 'twinlake_http_request_seconds_count{method="GET",route="/data/{collection}"} 3.0' in text
    assert [trace.collection for trace in site.finished[:4]] == ["a", "b", "c", None]


async def test_the_body_of_a_head_is_not_counted(site):
    async with site.client() as client:
        await client.head("/")

    assert site.finished[0].bytes_out == 0


async def test_two_sites_in_one_process_count_apart(site):
    other = Site()
    await get(other, "/")

    assert b'route="/"' in other.metrics.expose()
    assert b'route="/"' not in site.metrics.expose()
