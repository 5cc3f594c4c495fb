"""What is counted at the doors. The calls that they make are counted by the platform as any others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


@dataclass(slots=True)
class DoorOutcome:
    """How a request ended; whoever answers it sets the code."""

    operation: str
    """What was asked for: a fixed set of names for each door."""
    code: str = "OK"
    """The protocol's own code: an HTTP status, or that of gRPC."""


class DoorMetrics:
    """The metrics of all doors of a process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "tieback_door_requests",
            "Requests at a door, by the code of its protocol.",
            ("door", "operation", "code"),
            registry=registry,
        )
        self._seconds = Histogram(
            "tieback_door_seconds",
            "Duration of a request at a door, until its last byte is handed over.",
            ("door", "operation"),
            registry=registry,
            buckets=SECONDS,
        )
        self._in_flight = Gauge(
            "tieback_door_in_flight", "Requests in work at a door.", ("door",), registry=registry
        )

    @contextmanager
    def request(self, door: str, operation: str) -> Iterator[DoorOutcome]:
        """Counts one request; its operation and code are those of the outcome when it is left."""
        outcome = DoorOutcome(operation)
        begin = time.perf_counter()
        running = self._in_flight.labels(door)
        running.inc()
        try:
            yield outcome
        finally:
            running.dec()
            self._requests.labels(door, outcome.operation, outcome.code).inc()
            self._seconds.labels(door, outcome.operation).observe(time.perf_counter() - begin)
