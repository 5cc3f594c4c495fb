"""OpenTelemetry traces of one process; nothing where no endpoint is set."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import grpc
from opentelemetry import propagate, trace
from tieback_contract.claims import Verdict, VerdictLabel

import tieback
from tieback.core.errors import TiebackError
from tieback.serving.requests import context as call_context
from tieback.serving.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider


# Verdicts as events of OpenTelemetry: one ``gen_ai.evaluation.result`` for each claim.
#
# Events are log records with the trace and the span of what was checked, since events on spans are
# deprecated. Only where the conventions for generative AI are asked for (`serving/metrics/tracing.py`) and
# the call is traced.
EVENT = "gen_ai.evaluation.result"
METRIC = "groundedness"
"""The name of what is measured, whichever checker measures it."""
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_CAPTURES = frozenset({"true", "event_only", "span_and_event"})


def captures_content() -> bool:
    """Tell whether the environment of this process wants the text of claims in events."""
    return os.environ.get(CAPTURE, "").strip().lower() in _CAPTURES


class EvaluationEvents:
    """Sends events to a collector."""

    def __init__(self, resource: Resource, endpoint: str) -> None:
        # Imported here: most servers send none.
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

        exporter = OTLPLogExporter(endpoint=endpoint, insecure=not endpoint.startswith("https"))
        self._provider: LoggerProvider = LoggerProvider(resource=resource)
        self._provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
        self._logger = self._provider.get_logger("tieback", tieback.__version__)
        self._captures = captures_content()

    def send(self, span: object, outcome: Verdict | TiebackError, claim: str) -> None:
        """Sends the outcome of a check, as an event of the span; nothing where that is not recorded."""
        if not isinstance(span, trace.Span) or not span.is_recording():
            return
        attributes = failed(outcome) if isinstance(outcome, TiebackError) else found(outcome)
        if self._captures and claim:
            known = attributes.get("gen_ai.evaluation.explanation")
            attributes["gen_ai.evaluation.explanation"] = f"{known}: {claim}" if known else claim
        self._logger.emit(context=trace.set_span_in_context(span), event_name=EVENT, attributes=attributes)

    def close(self) -> None:
        """Sends the events that are not sent yet."""
        self._provider.shutdown()


def found(verdict: Verdict) -> dict[str, Value]:
    """Attributes of a verdict, without texts; the explanation is a reason or a kind of disagreement."""
    attributes: dict[str, Value] = {
        "gen_ai.evaluation.name": METRIC,
        "gen_ai.evaluation.score.label": verdict.label.value,
        "tieback.checker.name": verdict.checker,
        "tieback.checker.revision": verdict.checker_revision,
        "tieback.claim.id": verdict.claim_id,
    }
    if verdict.label is not VerdictLabel.NOT_CHECKED:
        attributes["gen_ai.evaluation.score.value"] = verdict.score
    if why := verdict.reason or verdict.disagreement:
        attributes["gen_ai.evaluation.explanation"] = why.value
    return attributes


def failed(error: TiebackError) -> dict[str, Value]:
    """Attributes of a check that failed."""
    return {"gen_ai.evaluation.name": METRIC, "error.type": error.reason}


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


# OpenTelemetry's conventions for generative AI, for those who ask for them.
#
# They are not stable yet, so spans have the platform's own names unless `OTEL_SEMCONV_STABILITY_OPT_IN`
# names `gen_ai_latest_experimental`, as the conventions say. What was asked and answered is in no span.
OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"
GEN_AI = "gen_ai_latest_experimental"
Value = str | int | float | list[str]


def asks_for_gen_ai() -> bool:
    """Whether the environment of this process asks for the conventions."""
    return GEN_AI in {one.strip() for one in os.environ.get(OPT_IN, "").split(",")}


@dataclass(frozen=True, slots=True)
class SpanOperation:
    """A span as the conventions name it: what is done, and the model or the collection that does it."""

    name: str
    subject: str
    attributes: Mapping[str, Value] = field(default_factory=dict)

    @property
    def span(self) -> str:
        """The span's name."""
        return f"{self.name} {self.subject}" if self.subject else self.name

    @property
    def begin(self) -> dict[str, Value]:
        """The span's attributes when it begins."""
        return {
            "gen_ai.operation.name": self.name,
            "gen_ai.provider.name": "tieback",
            **self.attributes,
        }


def embeddings(space: str) -> SpanOperation:
    """Contents become vectors of a space."""
    return SpanOperation("embeddings", space, {"gen_ai.request.model": space})


def retrieval(collection: str) -> SpanOperation:
    """Sections of a collection are searched for."""
    return SpanOperation("retrieval", collection, {"gen_ai.data_source.id": collection})


def generation(model: str, temperature: float, max_tokens: int) -> SpanOperation:
    """An answer is written; `model` is empty where the request names none."""
    asked: dict[str, Value] = {"gen_ai.request.temperature": temperature}
    if model:
        asked["gen_ai.request.model"] = model
    if max_tokens:
        asked["gen_ai.request.max_tokens"] = max_tokens
    return SpanOperation("text_completion", model, asked)
