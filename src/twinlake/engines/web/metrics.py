"""Prometheus metrics of one site's HTTP."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from twinlake.engines.web.trace import RequestTrace

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class RequestMetrics:
    """Counts requests by route template, method and status in a registry of the site's own."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._requests = Counter(
            "twinlake_http_requests_total", "Requests answered.", ("route", "method", "status"), registry=registry
        )
        self._seconds = Histogram(
            "twinlake_http_request_seconds",
            "Time from the request's first byte to the end of its answer.",
            ("route", "method"),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._bytes_out = Counter("twinlake_http_bytes_out_total", "Bytes of answers' bodies.", ("route",), registry=registry)
        # Looking a child up by its labels costs more than counting.
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram, Counter]] = {}

    def count(self, trace: RequestTrace) -> None:
        """Take one finished request into account."""
        key = (trace.route, trace.method if trace.method in _METHODS else "other", trace.status)
        children = self._children.get(key)
        if children is None:
            children = self._children[key] = self._new_children(*key)
        children[0].inc()
        children[1].observe(trace.seconds)
        children[2].inc(trace.bytes_out)

    def expose(self) -> bytes:
        """Return everything in the registry in Prometheus' text format."""
        return generate_latest(self.registry)

    def _new_children(self, route: str, method: str, status: int) -> tuple[Counter, Histogram, Counter]:
        return (
            self._requests.labels(route, method, str(status)),
            self._seconds.labels(route, method),
            self._bytes_out.labels(route),
        )
