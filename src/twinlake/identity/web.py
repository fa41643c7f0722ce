"""The one way to declare a route: with the action that it takes.

A route made here asks the policy before its endpoint runs and remembers its action, so that a test can walk
a whole site and find every route; what was declared in any other way is found there too, and fails the test.
"""

import inspect
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from twinlake.engines.web.trace import trace_of
from twinlake.identity.actions import ACTIONS, SITE_ACTIONS, Action

if TYPE_CHECKING:
    from fastapi import FastAPI

    from twinlake.identity.policy.service import Policy
    from twinlake.identity.principals import Caller

Endpoint = Callable[[Request], Awaitable[Response]]
DecidedOn = Literal["site", "resource"]


class GuardedRoute(Route):
    """A Starlette route with its action."""

    action: Action


def guarded(
    path: str,
    endpoint: Endpoint,
    *,
    methods: Collection[str],
    action: Action,
    on: DecidedOn | None = None,
    name: str | None = None,
    max_body_bytes: int | None = None,
) -> GuardedRoute:
    """Declare a route that answers 401 or 403 where *action* is not allowed.

    Actions on the site (``create_collection``, ``run``, ``subscribe``, ``administer``) are decided by the policy
    before the endpoint runs. For ``discover``, ``read``, ``write`` and ``delete`` only the token's scope is checked
    here: the endpoint filters by visibility, or calls `Policy.require` with the facts of the collection.

    Parameters
    ----------
    on
        ``resource`` leaves an action on the site to the endpoint too: administering one's own collection or account.
    endpoint
        An async function of a request, which finds the `Caller` in ``request.state.caller``.
    max_body_bytes
        A limit of this route's own, in place of the site's.
    """
    if action not in ACTIONS or not inspect.iscoroutinefunction(endpoint):
        raise TypeError(f"{path}: {action!r} must be a known action and the endpoint an async function.")
    guard = _Guard(_Endpoint(endpoint), action, on=on or _decided_on(action), max_body_bytes=max_body_bytes)
    route = GuardedRoute(path, guard, methods=methods, name=name or endpoint.__name__)
    route.action = action
    return route


class _Guard:
    """An ASGI application behind its guard."""

    def __init__(self, app: ASGIApp, action: Action, *, on: DecidedOn, max_body_bytes: int | None = None) -> None:
        self._app = app
        self.action = action
        self.on = on
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        admit(scope, self.action, on=self.on)
        if self._max_body_bytes is not None:
            trace_of(scope).max_body_bytes = self._max_body_bytes
        await self._app(scope, receive, send)


class _Endpoint:
    """A function of a request as an ASGI application (Starlette's own wrapping costs more)."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._endpoint(Request(scope, receive, send))
        await response(scope, receive, send)


def guarded_default(endpoint: Endpoint, *, action: Action) -> ASGIApp:
    """Return what answers where a router knows no route, as `guarded` declares a route."""
    return _Guard(_Endpoint(endpoint), action, on=_decided_on(action))


def guarded_api(
    app: "FastAPI",
    path: str,
    endpoint: Callable[..., Any],
    *,
    methods: list[str],
    action: Action,
    on: DecidedOn | None = None,
    **openapi: Any,
) -> None:
    """Declare a FastAPI route of a cold API, as `guarded` does; *openapi* goes to `FastAPI.add_api_route`."""
    if action not in ACTIONS:
        raise TypeError(f"{path}: {action!r} is not a known action.")

    app.add_api_route(path, endpoint, methods=methods, **openapi)
    route = cast("Route", app.routes[-1])
    # Outside of FastAPI's own handling, which reads the body before it asks any dependency.
    route.app = _Guard(route.app, action, on=on or _decided_on(action))


def _decided_on(action: Action) -> DecidedOn:
    return "site" if action in SITE_ACTIONS else "resource"


def admit(scope: Scope, action: Action, *, on: DecidedOn) -> None:
    """Let a request pass, or raise what the caller is told.

    Raises
    ------
    SignInRequiredError, RefusedError
        The action is not for everybody, or not for this caller or token.
    """
    state = scope["state"]  # absent where a route is served outside of the site's middleware: fails closed
    caller: Caller = state["caller"]
    policy: Policy = state["policy"]
    if action == "public":
        return
    if on == "site":
        policy.require(caller, action)
    else:
        policy.require_scope(caller, action)


@dataclass(frozen=True, slots=True)
class FoundRoute:
    """One route of a site, as a walk found it."""

    path: str
    methods: tuple[str, ...]
    action: Action | None
    """None for a route that was not declared by `guarded` or `guarded_api`."""
    on: DecidedOn | None


def list_guarded_routes(app: object) -> list[FoundRoute]:
    """Find every route below *app*, through mounts and middleware."""
    return list(_walk(app, ""))


def _walk(node: object, prefix: str) -> Iterator[FoundRoute]:
    below = prefix + getattr(node, "path", "")
    inner = getattr(node, "app", None)
    if isinstance(node, _Guard):
        yield FoundRoute(below or "/", (), node.action, node.on)
    elif isinstance(node, Route):
        methods = tuple(sorted(node.methods or ()))
        guarded_by = (inner.action, inner.on) if isinstance(inner, _Guard) else (None, None)
        yield FoundRoute(below, methods, *guarded_by)
    elif not isinstance(node, Mount) and (routes := _routes_of(node)):
        for route in routes:
            yield from _walk(route, below)
    elif inner is not None:
        yield from _walk(inner, below)
    else:
        yield FoundRoute(below or "/", (), None, None)


def _routes_of(node: object) -> list[object]:
    """Return what *node* may pass a request to, among it what a router does with paths that it does not know."""
    routes: list[object] = list(getattr(node, "routes", None) or ())
    if isinstance(node, Router) and node.default != node.not_found:
        routes.append(node.default)
    return routes
