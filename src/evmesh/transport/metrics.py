"""What is counted and timed of the traffic, for Prometheus. One set of instruments for each platform."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Labels are few on purpose: operations of the table, statuses, outcomes; never ids, tokens or addresses."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.requests = Counter(
            "evmesh_requests",
            "Requests of partners, by operation, HTTP status and OCPI status",
            ("operation", "http_status", "status_code"),
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "evmesh_request_seconds",
            "Time from a request's head to its answer",
            ("operation",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.running = Gauge("evmesh_requests_running", "Requests being worked on", registry=self.registry)
        self.calls = Counter(
            "evmesh_calls",
            "Requests to partners, by operation and what came of them: an HTTP status, or the kind of failure",
            ("operation", "outcome"),
            registry=self.registry,
        )
        self.call_seconds = Histogram(
            "evmesh_call_seconds",
            "Time until a partner's answer was there",
            ("operation",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.deliveries = Counter(
            "evmesh_deliveries",
            "Tries to tell a partner of an object, by outcome",
            ("outcome",),
            registry=self.registry,
        )
        self._answered: dict[tuple[str, int, int], tuple[Counter, Histogram]] = {}

    def answered(self, operation: str, http_status: int, status_code: int, seconds: float) -> None:
        """One request is answered; `status_code` 0 where nobody got an envelope."""
        key = (operation, http_status, status_code)
        found = self._answered.get(key)
        if found is None:
            # Looking instruments up by their labels costs more than using them.
            found = self._answered[key] = (
                self.requests.labels(operation, str(http_status), str(status_code or "none")),
                self.request_seconds.labels(operation),
            )
        found[0].inc()
        found[1].observe(seconds)
