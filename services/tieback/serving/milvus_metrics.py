"""Counts calls to Milvus, the store of an index."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)


class MilvusMetrics:
    """How long calls take, and why they fail."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "tieback_milvus_call_seconds",
            "Duration of a call to Milvus, the store of the index, failed or not.",
            ("method",),
            buckets=SECONDS,
            registry=registry,
        )
        self._failures = Counter(
            "tieback_milvus_failures",
            "Failed calls to Milvus: away, slow, deadline, full, overloaded, missing, error.",
            ("method", "reason"),
            registry=registry,
        )

    def called(self, method: str, seconds: float, failure: str) -> None:
        """Counts one call; `failure` is empty where it succeeded. Safe in any thread."""
        self._seconds.labels(method).observe(seconds)
        if failure:
            self._failures.labels(method, failure).inc()
