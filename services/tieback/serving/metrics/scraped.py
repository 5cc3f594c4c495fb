"""Metrics that are read when a page of them is asked for, so that nothing is counted twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tieback.core.types.load import Load

if TYPE_CHECKING:
    from tieback.collections.quotas import IndexSize
    from tieback.encoder import AdapterState, CacheState


class Loads(Collector):
    """What waits and runs in each service."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._loads: list[tuple[str, str, Callable[[], Load]]] = []
        registry.register(self)

    def watch(self, service: str, space: str, load: Callable[[], Load]) -> None:
        """Reads this service's load from now on."""
        self._loads.append((service, space, load))

    def collect(self) -> Iterable[Metric]:
        """See `Collector`."""
        labels = ("service", "space")
        gauges = {
            name: GaugeMetricFamily(f"tieback_{name}", text, labels=labels)
            for name, text in (
                ("queued_tokens", "Tokens that wait for a worker."),
                ("active_items", "Items in computation."),
                ("tokens_per_second", "Measured throughput of the worker."),
            )
        }
        dropped = CounterMetricFamily(
            "tieback_dropped", "Items removed from the queue before computation.", labels=(*labels, "reason")
        )
        waiting = 0
        for service, space, load in self._loads:
            now = load()
            waiting += now.queued_items
            for name, family in gauges.items():
                family.add_metric((service, space), getattr(now, name))
            dropped.add_metric((service, space, "cancelled"), now.dropped_cancelled)
            dropped.add_metric((service, space, "deadline"), now.dropped_deadline)
        yield from gauges.values()
        yield dropped
        # One series, since those who choose among processes by it read one and add none up.
        yield GaugeMetricFamily(
            "tieback_waiting_items", "Items that wait for a worker, of all services of the process.", waiting
        )


class Caches(Collector):
    """What the encoders' caches hold, and how often that was found."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._caches: list[tuple[str, Callable[[str], CacheState]]] = []
        registry.register(self)

    def watch(self, space: str, state: Callable[[str], CacheState]) -> None:
        """Reads the cache of this space from now on."""
        self._caches.append((space, state))

    def collect(self) -> Iterable[Metric]:
        """See `Collector`."""

        def counter(name: str, text: str, *labels: str) -> CounterMetricFamily:
            return CounterMetricFamily(f"tieback_cache_{name}", text, labels=("space", *labels))

        def gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
            return GaugeMetricFamily(f"tieback_cache_{name}", text, labels=("space", *labels))

        hits = counter("hits", "Items found in the cache.", "tier")
        misses = counter("misses", "Items not found in the cache.")
        shared = counter("shared", "Items that waited for an identical item in computation.")
        evictions = counter("evictions", "Items evicted from memory.")
        size = gauge("bytes", "Size of the cache.", "tier")
        disk_is_on = gauge("disk_on", "1 if the cache on disk is in use; 0 after it failed.")
        dropped = counter("disk_dropped", "Items not written to disk because the write queue was full.")
        for space, state in self._caches:
            now = state(space)
            hits.add_metric((space, "memory"), now.memory_hits)
            misses.add_metric((space,), now.misses)
            shared.add_metric((space,), now.shared)
            evictions.add_metric((space,), now.evictions)
            size.add_metric((space, "memory"), now.bytes)
            if now.disk is not None:
                hits.add_metric((space, "disk"), now.disk_hits)
                size.add_metric((space, "disk"), now.disk.bytes)
                disk_is_on.add_metric((space,), now.disk.is_on)
                dropped.add_metric((space,), now.disk.dropped)
        yield from (hits, misses, shared, evictions, size, disk_is_on, dropped)


class AdapterGauges(Collector):
    """Which adapters of merged models are in memory."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._states: list[tuple[str, Callable[[str], AdapterState]]] = []
        registry.register(self)

    def watch(self, space: str, state: Callable[[str], AdapterState]) -> None:
        """Reads the adapters of this space from now on."""
        self._states.append((space, state))

    def collect(self) -> Iterable[Metric]:
        """See `Collector`."""
        loads = CounterMetricFamily(
            "tieback_adapter_loads", "Adapters read from the store.", labels=("space",)
        )
        evictions = CounterMetricFamily(
            "tieback_adapter_evictions", "Adapters evicted from memory.", labels=("space",)
        )
        size = GaugeMetricFamily(
            "tieback_adapter_bytes", "Size of the adapters in memory.", labels=("space",)
        )
        for space, state in self._states:
            now = state(space)
            loads.add_metric((space,), now.loads)
            evictions.add_metric((space,), now.evictions)
            size.add_metric((space,), now.bytes)
        yield from (loads, evictions, size)


class IndexGauges(Collector):
    """How much the index holds, in a process that has one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._size: Callable[[], IndexSize] | None = None
        registry.register(self)

    def watch(self, size: Callable[[], IndexSize]) -> None:
        """Reads this index from now on."""
        self._size = size

    def collect(self) -> Iterable[Metric]:
        """See `Collector`."""
        if self._size is not None:
            now = self._size()
            for name, text, value in (
                ("sections", "Sections in the index.", now.sections),
                ("vectors", "Vectors in the index, with those of regions.", now.vectors),
                ("vector_bytes", "Size of the vectors in memory.", now.vector_bytes),
                ("token_vector_bytes", "Size of the vectors of tokens on disk.", now.token_bytes),
                ("damaged_collections", "Collections with damaged files.", now.damaged),
                ("moving_sections", "Sections of collections between two spaces.", now.moving),
                ("moved_sections", "Sections between two spaces with vectors of the new one.", now.moved),
                (
                    "stale_collections",
                    "Collections in a revision of their space that is not served.",
                    now.stale,
                ),
                ("original_bytes", "Size of the stored original pictures, sounds and clouds.", now.originals),
            ):
                yield GaugeMetricFamily(f"tieback_index_{name}", text, value=value)
