"""Counts operations: how many there are, and how long those that ended took."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tieback.core.types.operation import OperationRecord

SECONDS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 12 * 3600.0, 48 * 3600.0)
Counts = Mapping[tuple[str, str], int]


class OperationMetrics(Collector):
    """Reads the numbers at a scrape, and counts each end."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counts: Callable[[], Counts] = dict
        self._seconds = Histogram(
            "tieback_operation_seconds",
            "Time from the start of an operation to its end, with waiting.",
            ("kind", "state"),
            registry=registry,
            buckets=SECONDS,
        )
        registry.register(self)

    def watch(self, counts: Callable[[], Counts]) -> None:
        """Reports these numbers by kind and state at every scrape."""
        self._counts = counts

    def ended(self, operation: OperationRecord) -> None:
        """Counts one that has ended."""
        if operation.ended is not None:
            took = max(0.0, operation.ended - operation.created)
            self._seconds.labels(operation.kind, operation.state.value).observe(took)

    def collect(self) -> Iterable[Metric]:
        """The gauge."""
        found = GaugeMetricFamily(
            "tieback_operations",
            "Stored operations, by kind and state.",
            labels=("kind", "state"),
        )
        for (kind, state), count in self._counts().items():
            found.add_metric((kind, state), count)
        yield found
