"""Prometheus metrics of one process, and its traces (`serving/metrics/tracing.py`).

Services report in their replies what they did; `tieback.serving.metrics.observed` hands the replies to
`Telemetry`. A process has one registry; on Ray Serve the gateway's page joins those of all replicas.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    Summary,
    disable_created_metrics,
    generate_latest,
)
from tieback_contract.answers import Abstention, Decision, Finish, GenerationEvent
from tieback_contract.claims import Conflict, Repaired, Verdict
from tieback_contract.encodings import Encoding
from tieback_contract.fusion import RoutingExplanation
from tieback_contract.hits import Mixture
from tieback_contract.reports import Timing

import tieback
from tieback.batching import BatchReport
from tieback.core.types.encoding import EncodeReply
from tieback.core.types.load import Load
from tieback.doors.metrics import DoorMetrics
from tieback.serving.metrics.ranges import Ranges
from tieback.serving.metrics.scraped import AdapterGauges, Caches, IndexGauges, Loads
from tieback.serving.metrics.tracing import Tracing
from tieback.serving.metrics.work import (
    LongTextMetrics,
    MilvusMetrics,
    OperationMetrics,
    TenantMetrics,
    TrialMetrics,
)
from tieback.serving.security.certificate_expiry import CertificateFile
from tieback.serving.settings import Settings

if TYPE_CHECKING:
    from tieback.serving.security.credentials import Tokens

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
LAGS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
TOKENS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
COST_RATIOS = (0.5, 0.7, 0.9, 1.1, 1.4, 2.0, 4.0, 8.0)
SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

# When a series began is shown nowhere, and would be a further series for each.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types for it


class Telemetry:
    """The metrics and the traces of this process."""

    def __init__(self, settings: Settings, *, process: str = "tieback") -> None:
        self.registry = registry = CollectorRegistry()
        self.tracing = Tracing(settings, process)
        self.loads, self.caches, self.index = Loads(registry), Caches(registry), IndexGauges(registry)
        self.adapters = AdapterGauges(registry)
        self.endpoint_cosine = Gauge(
            "tieback_endpoint_cosine",
            "Smallest cosine of an endpoint's canary to the kept one; below 0.999 its model changed.",
            ("space",),
            registry=registry,
        )
        # Looked up once: a lookup costs as much as an observation.
        self._labelled: dict[tuple[Histogram, str, str], Histogram] = {}

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: Iterable[float], *labels: str) -> Histogram:
            return Histogram(name, text, labels, registry=registry, buckets=tuple(buckets))

        def summary(name: str, text: str, *labels: str) -> Summary:
            return Summary(name, text, labels, registry=registry)

        self.requests = counter("tieback_requests", "Calls, by status code.", "service", "method", "code")
        self.request_seconds = histogram(
            "tieback_request_seconds", "Duration of a call at this server.", SECONDS, "service", "method"
        )
        self.in_flight = Gauge(
            "tieback_in_flight", "Running calls.", ("service", "method"), registry=registry
        )
        Gauge(
            "tieback_running_calls", "Running calls, of all services of the process.", registry=registry
        ).set_function(lambda: sum(one.value for each in self.in_flight.collect() for one in each.samples))
        self.loop_lag = histogram(
            "tieback_event_loop_lag_seconds",
            "Delay of the event loop, measured twenty times a second.",
            LAGS,
        )
        self._queue = histogram(
            "tieback_queue_seconds", "Time a request waits for a worker.", SECONDS, "service", "space"
        )
        self._prepare = histogram(
            "tieback_prepare_seconds", "Time for tokenising and decoding.", SECONDS, "service", "space"
        )
        self._compute = histogram(
            "tieback_compute_seconds", "Time in the model or in the search.", SECONDS, "service", "space"
        )
        self._total = histogram(
            "tieback_total_seconds", "Time a request spends in the service.", SECONDS, "service", "space"
        )
        self._batch_tokens = histogram(
            "tieback_batch_tokens", "Tokens of a batch, with padding.", TOKENS, "space"
        )
        self._batch_items = summary("tieback_batch_items", "Items of a batch.", "space")
        self._batch_cost_ratio = histogram(
            "tieback_batch_cost_ratio",
            "Measured time of a batch over its expected time.",
            COST_RATIOS,
            "space",
        )
        mixed = counter(
            "tieback_mixed_hits", "Hits of collections between two spaces, by how they were read.", "read_in"
        )
        self._mixed_hits = {name: mixed.labels(name) for name in ("old", "new", "translated")}
        self._tokens = counter("tieback_tokens", "Computed tokens, without padding.", "service", "space")
        self._padding = counter("tieback_padding_tokens", "Computed padding tokens.", "space")
        self._reduced = counter(
            "tieback_reduced_items", "Items encoded with token reduction.", "space", "method"
        )
        self._rejections = counter("tieback_rejections", "Refused calls.", "service", "reason")
        self._weight = summary("tieback_router_weight", "Weight of a space in a query.", "space", "modality")
        self._imputed = counter(
            "tieback_imputed_blocks", "Imputed blocks of missing spaces in queries.", "block", "method"
        )
        self._generated = counter("tieback_generated_tokens", "Generated tokens.", "model")
        self._drafted = counter("tieback_drafted_tokens", "Tokens drafted from prompt and answer.", "model")
        self._accepted = counter("tieback_accepted_tokens", "Drafted tokens that were written.", "model")
        self._reused = counter("tieback_reused_tokens", "Prompt tokens that were read before.", "model")
        self._soft = counter("tieback_soft_tokens", "Soft tokens of prompts.", "model")
        self._changed = counter(
            "tieback_changed_tokens",
            "Tokens that differ from plain decoding.",
            "model",
            "strategy",
        )
        self._verdicts = counter("tieback_verdicts", "Checked claims of answers, by verdict.", "label")
        self._checked = counter(
            "tieback_checked_claims", "Claims of texts that CheckGrounding checked, by verdict.", "label"
        )
        self._decisions = counter(
            "tieback_decisions", "Decisions about questions, where they were asked for.", "action"
        )
        self._abstentions = counter(
            "tieback_abstentions", "Abstentions: questions without an answer.", "reason"
        )
        self._repairs = counter(
            "tieback_repairs", "Claims that were written and are not in the answer.", "label", "outcome"
        )
        self._conflicts = counter(
            "tieback_conflicts", "Passages of answers that disagree, by what they say differently.", "kind"
        )
        self._answers = counter("tieback_answers", "Answers, by how they were made.", "style", "finish")
        self._first_token = histogram(
            "tieback_first_token_seconds", "Time to the first token.", SECONDS, "model"
        )
        self._decoded = Gauge(
            "tieback_decoded_bytes",
            "Memory of decoded pictures, sounds and clouds; the limit is TIEBACK_DECODED_BYTES.",
            registry=registry,
        )
        self._ready = Gauge(
            "tieback_ready", "1 if a service is ready, else 0.", ("service",), registry=registry
        )
        self.tenants = TenantMetrics(registry)
        self.long_texts = LongTextMetrics(registry)
        self.operations = OperationMetrics(registry)
        self.doors = DoorMetrics(registry)
        self.milvus = MilvusMetrics(registry)
        self.trials, self.ranges = TrialMetrics(registry), Ranges(registry)
        self._tokens_current = Gauge(
            "tieback_tokens_file_current",
            "1 if the tokens file is in use; 0 if it is invalid and an older version is in use.",
            registry=registry,
        )
        self._tokens_current.set(1)
        self._certificate = Gauge(
            "tieback_certificate_seconds_left",
            "Seconds until the TLS certificate of a door expires; negative once it has.",
            ("door",),
            registry=registry,
        )
        Info("tieback", "The version of tieback.", registry=registry).info({"version": tieback.__version__})
        ProcessCollector(registry=registry)

    def page(self) -> bytes:
        """The metrics in Prometheus's text format, without the heads of families that have no series yet."""
        return _with_series(generate_latest(self.registry))

    def watch_preparation(self, loads: Callable[[], Mapping[str, Load]], decoded: Callable[[], int]) -> None:
        """Reports at every scrape how busy tokenising and decoding are, and the bytes that are held."""
        for lane in loads():
            self.loads.watch("preparation", lane, lambda lane=lane: loads()[lane])  # type: ignore[misc]  # mypy has no type for the default
        self._decoded.set_function(decoded)

    def watch_tokens(self, tokens: Tokens) -> None:
        """Reports at every scrape whether the tokens file is the one in force."""
        self._tokens_current.set_function(lambda: float(tokens.is_current))

    def watch_certificate(self, door: str, path: Path) -> None:
        """Reports at every scrape for how long the certificate of a door is still valid."""
        self._certificate.labels(door).set_function(CertificateFile(path).seconds_left)

    def set_ready(self, service: str, ready: bool) -> None:
        """Sets whether a service is ready."""
        self._ready.labels(service).set(int(ready))

    def observe_mixture(self, mixture: Mixture | None) -> None:
        """Counts the hits of an answer from a collection between two spaces."""
        if mixture is not None:
            for name, counted in self._mixed_hits.items():
                counted.inc(getattr(mixture, name))

    def observe_timing(self, service: str, space: str, timing: Timing) -> None:
        """Counts where the time of one call went."""
        for family, seconds in (
            (self._queue, timing.queue),
            (self._prepare, timing.prepare),
            (self._compute, timing.compute),
            (self._total, timing.total),
        ):
            # A service without such a step, as a queue, has no series of it, which would be a page of zeros.
            known = self._labelled.get((family, service, space))
            if known is None and seconds:
                known = self._labelled[family, service, space] = family.labels(service, space)
            if known is not None:
                known.observe(seconds)

    def observe_batch(self, space: str, batch: BatchReport) -> None:
        """Counts one batch of an encoder. Safe in any thread."""
        self._tokens.labels("encoder", space).inc(batch.tokens)
        self._padding.labels(space).inc(batch.padding_tokens)
        self._batch_tokens.labels(space).observe(batch.tokens + batch.padding_tokens)
        self._batch_items.labels(space).observe(batch.items)
        self._batch_cost_ratio.labels(space).observe(batch.seconds / batch.expected)

    def observe_reductions(self, space: str, reply: EncodeReply) -> None:
        """Counts what was encoded on fewer tokens, asked for or because too much waited."""
        for one in reply.results:
            if isinstance(one, Encoding) and one.reduction is not None:
                self._reduced.labels(space, one.reduction.method).inc()

    def observe_routing(self, routing: RoutingExplanation) -> None:
        """Counts the weights of one query, and its imputed blocks."""
        for space, weight in routing.weights.items():
            if math.isfinite(weight):
                self._weight.labels(space, routing.modality).observe(weight)
        for block, method in routing.imputed.items():
            self._imputed.labels(block, method).inc()

    def observe_check(self, verdicts: Sequence[Verdict]) -> None:
        """Counts the claims of a text that somebody else wrote."""
        for verdict in verdicts:
            self._checked.labels(verdict.label.value).inc()

    def observe_generation(self, event: GenerationEvent, strategy: str) -> None:
        """Counts one event of an answer."""
        if isinstance(event, Verdict):
            self._verdicts.labels(event.label.value).inc()
        elif isinstance(event, Repaired):
            begin, end = event.span
            self._repairs.labels(event.label.value, "rewritten" if end > begin else "dropped").inc()
        elif isinstance(event, Conflict):
            self._conflicts.labels(event.kind.value).inc()
        elif isinstance(event, Decision):
            self._decisions.labels(event.action.value).inc()
        elif isinstance(event, Abstention):
            self._abstentions.labels(event.reason.value).inc()
        elif isinstance(event, Finish):
            self._answers.labels(event.style.value, event.reason.value).inc()
            if event.model:
                self._generated.labels(event.model).inc(event.completion_tokens)
                self._drafted.labels(event.model).inc(event.drafted_tokens)
                self._accepted.labels(event.model).inc(event.accepted_tokens)
                self._reused.labels(event.model).inc(event.reused_tokens)
                self._soft.labels(event.model).inc(event.soft_tokens)
                self.tenants.computed("generator", event.prompt_tokens + event.completion_tokens)
                self._changed.labels(event.model, strategy).inc(event.changed_tokens or 0)
            if event.completion_tokens:
                self._first_token.labels(event.model).observe(event.first_token)
            self.observe_timing("generator", event.model or event.style.value, event.timing)

    def reject(self, service: str, reason: str, calls: int = 1) -> None:
        """Counts calls that were refused."""
        self._rejections.labels(service, reason).inc(calls)


def _with_series(page: bytes) -> bytes:
    """A page without the comment lines of families that hold nothing."""
    kept: list[bytes] = []
    head: list[bytes] = []
    for line in page.splitlines(keepends=True):
        if line.startswith(b"# HELP "):
            head = [line]
        elif line.startswith(b"#"):
            head.append(line)
        else:
            kept += [*head, line]
            head = []
    return b"".join(kept)
