"""OpenTelemetry traces of one process; nothing where no endpoint is set."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import grpc
from opentelemetry import propagate, trace
from tieback_contract.claims import Verdict

import tieback
from tieback.core.errors import TiebackError
from tieback.serving import context as call_context
from tieback.serving.evaluation_events import EvaluationEvents
from tieback.serving.semantic_conventions import SpanOperation, Value, asks_for_gen_ai
from tieback.serving.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

_NO_SPAN: AbstractContextManager[None] = nullcontext()

# The others are the caller's, and no error of the server's span.
_SERVER_FAULTS = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)


class Tracing:
    """The tracer of this process."""

    def __init__(self, settings: Settings, process: str) -> None:
        self._provider: TracerProvider | None = None
        self._tracer: trace.Tracer | None = None
        self._evaluations: EvaluationEvents | None = None
        self._conventions = asks_for_gen_ai()
        if settings.otlp_endpoint:
            resource = _resource(process)
            self._provider = _provider(settings.otlp_endpoint, resource)
            self._tracer = self._provider.get_tracer("tieback", tieback.__version__)
            if self._conventions:
                self._evaluations = EvaluationEvents(resource, settings.otlp_endpoint)

    def span(
        self, name: str, metadata: Iterable[tuple[str, str | bytes]], request_id: str
    ) -> AbstractContextManager[object] | None:
        """A server span that continues the caller's trace; None where no endpoint is set."""
        if self._tracer is None:
            return None
        carrier = {key: value for key, value in metadata if isinstance(value, str)}
        return self._tracer.start_as_current_span(
            name,
            context=propagate.extract(carrier),
            kind=trace.SpanKind.SERVER,
            attributes={"rpc.system": "grpc", "tieback.request_id": request_id},
            record_exception=False,
        )

    def say_outcome(self, code: grpc.StatusCode) -> None:
        """Records the call's outcome on the running server span, by OpenTelemetry's conventions."""
        span = trace.get_current_span()
        span.set_attribute("rpc.grpc.status_code", code.value[0])
        if code in _SERVER_FAULTS:
            span.set_status(trace.StatusCode.ERROR, code.name)

    def step(
        self, name: str, *, current: bool = True, operation: SpanOperation | None = None
    ) -> AbstractContextManager[object]:
        """A span of work within a call; nothing where no endpoint is set.

        `current` makes what runs inside a child of it. Where OpenTelemetry's conventions are asked for, the
        span is that of the `operation`.
        """
        if self._tracer is None:
            return _NO_SPAN
        attributes: dict[str, Value] = {}
        if self._conventions and operation is not None:
            name, attributes = operation.span, operation.begin
        if current:
            return self._tracer.start_as_current_span(name, attributes=attributes, record_exception=False)
        return self._tracer.start_span(name, attributes=attributes, record_exception=False)

    def note(self, span: object, **attributes: Value) -> None:
        """Adds attributes of the conventions to a span: without `gen_ai.`, and with `__` for a point."""
        if self._conventions and isinstance(span, trace.Span):
            for name, value in attributes.items():
                span.set_attribute(f"gen_ai.{name.replace('__', '.')}", value)

    def evaluated(self, span: object, outcome: Verdict | TiebackError, claim: str = "") -> None:
        """Sends the outcome of a check as an event of a span, where the conventions are asked for."""
        if self._evaluations is not None:
            self._evaluations.send(span, outcome, claim)

    def close(self) -> None:
        """Sends the spans and the events that are not sent yet."""
        if self._provider is not None:
            self._provider.shutdown()
        if self._evaluations is not None:
            self._evaluations.close()


def _resource(process: str) -> Resource:
    from opentelemetry.sdk.resources import Resource

    return Resource.create({"service.name": process})


def _provider(endpoint: str, resource: Resource) -> TracerProvider:
    # Imported here: most servers trace nothing, and the exporter costs memory.
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=not endpoint.startswith("https"))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def trace_ids() -> dict[str, str]:
    """The trace and the span of what runs, by OpenTelemetry's names; of a caller that traces, its own.

    Empty where nothing is traced.
    """
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
    ids = call_context.caller_ids()
    return {} if ids is None else {"trace_id": ids[0], "span_id": ids[1]}
