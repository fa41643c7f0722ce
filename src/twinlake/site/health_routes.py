"""``/health`` for load balancers and people, ``/metrics`` for Prometheus."""

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from twinlake import __version__
from twinlake.identity.web import guarded
from twinlake.site.services import Services

_UNAVAILABLE = 503


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes; metrics tell of all collections, so they are for administrators."""
    watch = _Watch(services)
    return [
        guarded("/health", watch.health, methods=["GET"], action="public"),
        guarded("/metrics", watch.metrics, methods=["GET"], action="administer"),
    ]


class _Watch:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def health(self, request: Request) -> Response:
        """Answer 200 while the site can read and write, else 503 with what is wrong."""
        _ = request
        found = await self._services.health.examine()
        checks = {"reading": found.reading, "writing": found.writing, "disk": found.disk}
        body = {
            "status": "ok" if found.ok else "needs care",
            "site": self._services.settings.id,
            "version": __version__,
            "checks": {name: problem or "ok" for name, problem in checks.items()},
        }
        return Response(orjson.dumps(body), 200 if found.ok else _UNAVAILABLE, media_type="application/json")

    async def metrics(self, request: Request) -> Response:
        """Answer with the site's metrics in Prometheus' text form."""
        _ = request
        metrics = self._services.metrics
        return Response(metrics.expose(), media_type=metrics.content_type)
