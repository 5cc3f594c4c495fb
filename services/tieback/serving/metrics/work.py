"""Counts of operations, long texts, calls to Milvus, trials, and of what each tenant asks for.

A process gives the first `most` tenants that it meets series of their own; the others together are `OTHER`,
which is no tenant's name. So a page has a bounded number of series, however many tenants there are. Nothing
is counted by tenant where no tokens are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from tieback_contract.encodings import Truncated

from tieback.core.tenant import TENANT
from tieback.core.types.fusion import Role
from tieback.core.types.ingestion import IngestResult
from tieback.core.types.operation import OperationRecord

OTHER = "_other"
NAMED = 50
"""Number of tenants that have metrics with their name; the rest share OTHER."""


MILVUS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)


SECONDS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 12 * 3600.0, 48 * 3600.0)
Counts = Mapping[tuple[str, str], int]
DIFFERENCES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class TrialMetrics:
    """Calls that artifacts on trial took, and what their replies differ by where they are compared."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("method", "artifact")
        self._calls = Counter(
            "tieback_trial_calls", "Calls that an artifact on trial took.", labels, registry=registry
        )
        self._difference = Histogram(
            "tieback_trial_difference",
            "Difference, 0 to 1, of the replies with an artifact that is compared.",
            labels,
            registry=registry,
            buckets=DIFFERENCES,
        )

    def took(self, method: str, artifact: str) -> None:
        """Counts a call."""
        self._calls.labels(method, artifact).inc()

    def compared(self, method: str, artifact: str, difference: float) -> None:
        """Counts a comparison."""
        self._difference.labels(method, artifact).observe(difference)


class LongTextMetrics:
    """Sections that were split, and tokens that were not read."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._split = Counter(
            "tieback_split_sections",
            "Sections that were split because they are longer than a space's window.",
            registry=registry,
        )
        self._tokens = Counter(
            "tieback_truncated_tokens",
            "Tokens beyond a space's window, which it did not read.",
            ("space", "role"),
            registry=registry,
        )

    def ingested(self, results: Iterable[IngestResult]) -> None:
        """Counts what was stored."""
        for result in results:
            self._split.inc(result.split_sections)
            self.cut_off(result.truncated, Role.DOCUMENT)

    def cut_off(self, truncated: Mapping[str, Truncated], role: Role) -> None:
        """Counts what was not read."""
        for space, one in truncated.items():
            self._tokens.labels(space, role.value).inc(one.tokens)


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


class MilvusMetrics:
    """How long calls take, and why they fail."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "tieback_milvus_call_seconds",
            "Duration of a call to Milvus, the store of the index, failed or not.",
            ("method",),
            buckets=MILVUS_SECONDS,
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


class TenantMetrics:
    """The counters with a tenant as a label, of the tenant that the running task works for."""

    def __init__(self, registry: CollectorRegistry, most: int = NAMED) -> None:
        self._most = most
        self._named: set[str] = set()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"tieback_tenant_{name}", text, ("tenant", *labels), registry=registry)

        self._requests = counter("requests", "Calls of a tenant, by status code.", "code")
        self._rejections = counter("rejections", "Refused calls of a tenant.", "reason")
        self._tokens = counter("tokens", "Computed tokens of a tenant: read or generated.", "service")

    def finished(self, code: str, reason: str = "") -> None:
        """Counts a call; with a `reason`, one that was refused for it."""
        if tenant := self._label(TENANT.get()):
            self._requests.labels(tenant, code).inc()
            if reason:
                self._rejections.labels(tenant, reason).inc()

    def refused(self, tenant: str, code: str, reason: str, calls: int) -> None:
        """Counts calls of a tenant that were refused for a reason."""
        if label := self._label(tenant):
            self._requests.labels(label, code).inc(calls)
            self._rejections.labels(label, reason).inc(calls)

    def computed(self, service: str, tokens: int) -> None:
        """Counts tokens that a service computed."""
        if tokens and (tenant := self._label(TENANT.get())):
            self._tokens.labels(tenant, service).inc(tokens)

    def _label(self, tenant: str) -> str:
        if not tenant:
            return ""
        if tenant not in self._named:
            if len(self._named) >= self._most:
                return OTHER
            self._named.add(tenant)
        return tenant
