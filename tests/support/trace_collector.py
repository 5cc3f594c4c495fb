"""A collector of OpenTelemetry traces and events: OTLP over gRPC, as exporters find it in a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


@dataclass(frozen=True)
class Span:
    """A span as it arrived. Ids are lower-case hex."""

    name: str
    trace: str
    id: str
    parent: str
    process: str
    attributes: dict[str, Any]
    failed: bool


@dataclass(frozen=True)
class Event:
    """An event as it arrived. Ids are lower-case hex."""

    name: str
    trace: str
    span: str
    process: str
    attributes: dict[str, Any]


class EventCollector(logs_service_pb2_grpc.LogsServiceServicer):
    """Keeps the events that were exported to it."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def Export(
        self, request: logs_service_pb2.ExportLogsServiceRequest, context: grpc.ServicerContext
    ) -> Any:
        for resource in request.resource_logs:
            process = _values(resource.resource.attributes)["service.name"]
            for scope in resource.scope_logs:
                self.events += [
                    Event(
                        name=one.event_name,
                        trace=one.trace_id.hex(),
                        span=one.span_id.hex(),
                        process=process,
                        attributes=_values(one.attributes),
                    )
                    for one in scope.log_records
                ]
        return logs_service_pb2.ExportLogsServiceResponse()


class TraceCollector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps the spans that were exported to it."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.address = ""
        self.logs = EventCollector()

    def Export(
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> Any:
        for resource in request.resource_spans:
            process = _values(resource.resource.attributes)["service.name"]
            for scope in resource.scope_spans:
                self.spans += [
                    Span(
                        name=span.name,
                        trace=span.trace_id.hex(),
                        id=span.span_id.hex(),
                        parent=span.parent_span_id.hex(),
                        process=process,
                        attributes=_values(span.attributes),
                        failed=span.status.code == 2,
                    )
                    for span in scope.spans
                ]
        return trace_service_pb2.ExportTraceServiceResponse()

    def of(self, trace: str) -> dict[str, list[Span]]:
        """The spans of a trace by name."""
        found: dict[str, list[Span]] = {}
        for span in self.spans:
            if span.trace == trace:
                found.setdefault(span.name, []).append(span)
        return found


@contextmanager
def trace_collector() -> Iterator[TraceCollector]:
    collector = TraceCollector()
    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]  # generated without types
    logs_service_pb2_grpc.add_LogsServiceServicer_to_server(collector.logs, server)  # type: ignore[no-untyped-call]  # the same
    collector.address = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
