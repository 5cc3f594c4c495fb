"""Verdicts as events of OpenTelemetry: one ``gen_ai.evaluation.result`` for each claim.

Events are log records with the trace and the span of what was checked, since events on spans are deprecated.
Only where the conventions for generative AI are asked for (`semantic_conventions.py`) and the call is traced.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from opentelemetry import trace
from tieback_contract.claims import Verdict, VerdictLabel

import tieback
from tieback.core.errors import TiebackError
from tieback.serving.semantic_conventions import Value

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.resources import Resource

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
