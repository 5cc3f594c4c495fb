"""A caller's trace goes on through the platform, and its spans arrive at a collector."""

from __future__ import annotations

import asyncio
import io
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

import grpc
import pytest
import tieback
from support.trace_collector import TraceCollector, trace_collector
from tieback.serving.metrics import logs
from tieback.serving.metrics.tracing import trace_ids
from tieback.serving.processes.local import LocalServer
from tieback.serving.requests import context
from tieback.serving.settings import Settings
from tieback.v1 import (
    answer_pb2,
    answer_pb2_grpc,
    content_pb2,
    evidence_pb2,
    grounding_pb2,
    grounding_pb2_grpc,
    query_pb2,
    report_pb2,
)
from tieback_client import AsyncClient, Item, Section

SPACE = "wordllama-256"  # the lightest one: what is asked here is not how well it finds


@pytest.fixture
def collector() -> Iterator[Any]:
    with trace_collector() as running:
        yield running


@pytest.fixture
async def server(collector: TraceCollector, tmp_path: Path) -> AsyncIterator[LocalServer]:
    settings = Settings(
        store=tmp_path / "store",
        port=0,
        metrics_port=None,
        spaces=(SPACE,),
        generator="none",
        drain_seconds=0,
        otlp_endpoint=collector.address,
    )
    async with LocalServer(settings) as running:
        async with AsyncClient(f"127.0.0.1:{running.port}") as client:
            section = Section("The lighthouse was built in 1873.", id="1")
            await client.ingest("library", [Item(id="lighthouse", sections=[section])]).collect()
        yield running


def traceparent(sampled: bool = True) -> tuple[str, str, str]:
    """A trace id, a span id, and the header that carries both."""
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    return trace, span, f"00-{trace}-{span}-{int(sampled):02}"


async def retrieve(server: LocalServer, header: str, collection: str = "library") -> None:
    query = [answer_pb2.QueryPart(content=content_pb2.Content(text="a tall light"))]
    options = query_pb2.QueryOptions(reranker=report_pb2.Method(name="late_interaction"))
    retrieval = answer_pb2.RetrieveRequest(collection=collection, query=query, options=options)

    def running() -> float | None:
        return server.telemetry.registry.get_sample_value("tieback_running_calls")

    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        try:
            await answer_pb2_grpc.AnswerServiceStub(channel).Retrieve(
                retrieval, metadata=(("traceparent", header), ("x-request-id", "order-7"))
            )
        finally:  # a caller has its answer a moment before the span ends
            async with asyncio.timeout(10):
                while running():  # noqa: ASYNC110 - a metric has no event
                    await asyncio.sleep(0.01)


async def test_a_retrieval_continues_the_callers_trace_down_to_its_steps(
    server: LocalServer, collector: TraceCollector
) -> None:
    trace, caller, header = traceparent()

    await retrieve(server, header)
    server.telemetry.tracing.close()

    spans = collector.of(trace)
    [call] = spans["tieback.v1.AnswerService/Retrieve"]
    assert call.parent == caller
    assert call.process == "tieback-local"
    assert call.attributes == {
        "rpc.system": "grpc",
        "rpc.grpc.status_code": 0,
        "tieback.request_id": "order-7",
    }
    [rerank] = spans["rerank late_interaction"]
    assert {span.parent for span in spans["search"]} == {call.id}
    assert rerank.parent == call.id
    # The query, and then what the reranker looks at token by token.
    assert {span.parent for span in spans[f"encode {SPACE}"]} == {call.id, rerank.id}


async def test_a_failed_call_says_so_on_its_span(server: LocalServer, collector: TraceCollector) -> None:
    trace, _, header = traceparent()

    with pytest.raises(grpc.aio.AioRpcError):
        await retrieve(server, header, collection="nowhere")
    server.telemetry.tracing.close()

    [call] = collector.of(trace)["tieback.v1.AnswerService/Retrieve"]
    assert call.attributes["rpc.grpc.status_code"] == grpc.StatusCode.NOT_FOUND.value[0]
    assert not call.failed  # the caller's mistake, not the server's


async def test_what_the_caller_does_not_sample_is_not_sent(
    server: LocalServer, collector: TraceCollector
) -> None:
    trace, _, header = traceparent(sampled=False)

    await retrieve(server, header)
    server.telemetry.tracing.close()

    assert not collector.of(trace)


async def test_a_stream_that_its_caller_leaves_ends_its_span(
    server: LocalServer, collector: TraceCollector, caplog: pytest.LogCaptureFixture
) -> None:
    trace, _, header = traceparent()

    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = answer_pb2_grpc.AnswerServiceStub(channel).IngestItems(metadata=(("traceparent", header),))
        section = content_pb2.Section(content=content_pb2.Content(text="Cats sleep a lot."))
        item = content_pb2.Item(id="cats", sections=[section])
        await call.write(answer_pb2.IngestItemsRequest(collection="library", items=[item]))
        await call.read()
        call.cancel()
    await server._server.drain(10)  # until the handler has noticed
    server.telemetry.tracing.close()

    assert len(collector.of(trace)["tieback.v1.AnswerService/IngestItems"]) == 1
    assert not [record for record in caplog.records if record.name.startswith("opentelemetry")]


async def test_no_span_holds_what_was_asked_or_found(server: LocalServer, collector: TraceCollector) -> None:
    _, _, header = traceparent()

    await retrieve(server, header)
    server.telemetry.tracing.close()

    said = str(collector.spans)
    assert "lighthouse" not in said
    assert "tall light" not in said


async def test_log_lines_of_a_call_have_its_trace(server: LocalServer, collector: TraceCollector) -> None:
    trace, caller, header = traceparent()
    log = io.StringIO()
    logs.configure(Settings(log_format="json"), log)
    await retrieve(server, header)
    server.telemetry.tracing.close()

    [call] = collector.of(trace)["tieback.v1.AnswerService/Retrieve"]
    [line] = [json.loads(line) for line in log.getvalue().splitlines() if "Retrieve" in line]
    assert (line["trace_id"], line["span_id"]) == (trace, call.id)
    assert call.parent == caller


def test_without_a_collector_the_log_has_the_callers_trace() -> None:
    trace, caller, header = traceparent()

    def entered(header: str) -> tuple[dict[str, str], dict[str, str]]:
        context.enter([("traceparent", header), ("tracestate", "vendor=1")])
        return trace_ids(), dict(context.outgoing())

    ids, handed_on = copy_context().run(entered, header)
    assert ids == {"trace_id": trace, "span_id": caller}
    assert (handed_on["traceparent"], handed_on["tracestate"]) == (header, "vendor=1")
    for broken in ("nonsense\n", header + "\n", header.upper().replace("0", "A"), ""):
        ids, handed_on = copy_context().run(entered, broken)
        assert ids == {}
        assert handed_on.keys() == {"x-request-id"}, broken


def conventional(collector: TraceCollector, folder: Path, monkeypatch: pytest.MonkeyPatch) -> LocalServer:
    """A server that is asked for OpenTelemetry's conventions."""
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http, gen_ai_latest_experimental")
    settings = Settings(
        store=folder / "store",
        port=0,
        metrics_port=None,
        spaces=(SPACE,),
        generator="none",
        drain_seconds=0,
        otlp_endpoint=collector.address,
    )
    return LocalServer(settings)


async def test_spans_follow_the_conventions_of_generative_ai_where_they_are_asked_for(
    collector: TraceCollector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace, _, header = traceparent()
    async with conventional(collector, tmp_path, monkeypatch) as running:
        async with AsyncClient(f"127.0.0.1:{running.port}") as client:
            section = Section("The lighthouse was built in 1873.", id="1")
            await client.ingest("library", [Item(id="lighthouse", sections=[section])]).collect()
        await retrieve(running, header)
        running.telemetry.tracing.close()

    spans = collector.of(trace)
    found = spans[f"embeddings {SPACE}"][0].attributes
    assert found["gen_ai.operation.name"] == "embeddings"
    assert found["gen_ai.provider.name"] == "tieback"
    assert found["gen_ai.request.model"] == SPACE
    assert found["gen_ai.usage.input_tokens"] > 0
    assert spans["retrieval library"][0].attributes["gen_ai.data_source.id"] == "library"
    assert "search" not in spans


CHECKED = "The lighthouse was built in 1873. Is it red?"


async def check(server: LocalServer, header: str) -> None:
    check = grounding_pb2.GroundingCheck(
        text=CHECKED, evidence=[evidence_pb2.Evidence(id="1", text="The lighthouse was built in 1873.")]
    )
    request = grounding_pb2.CheckGroundingRequest(checks=[check, grounding_pb2.GroundingCheck()])
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = grounding_pb2_grpc.GroundingServiceStub(channel)
        await stub.CheckGrounding(request, metadata=(("traceparent", header),))
    server.telemetry.tracing.close()


async def test_verdicts_are_events_with_checker_and_revision_and_without_the_text(
    collector: TraceCollector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace, _, header = traceparent()
    async with conventional(collector, tmp_path, monkeypatch) as running:
        await check(running, header)

    supported, question, empty = collector.logs.events
    [span] = collector.of(trace)["check grounding"]
    assert {(one.name, one.trace, one.span, one.process) for one in collector.logs.events} == {
        ("gen_ai.evaluation.result", trace, span.id, "tieback-local")
    }
    checker = {
        "gen_ai.evaluation.name": "groundedness",
        "tieback.checker.name": "lexical_embedding",
        "tieback.checker.revision": tieback.__version__,
    }
    assert supported.attributes == {
        **checker,
        "gen_ai.evaluation.score.label": "supported",
        "gen_ai.evaluation.score.value": supported.attributes["gen_ai.evaluation.score.value"],
        "tieback.claim.id": 1,
    }
    assert 0.5 < supported.attributes["gen_ai.evaluation.score.value"] <= 1
    assert question.attributes == {
        **checker,
        "gen_ai.evaluation.score.label": "not_checked",
        "gen_ai.evaluation.explanation": "states_nothing",
        "tieback.claim.id": 2,
    }
    assert empty.attributes == {"gen_ai.evaluation.name": "groundedness", "error.type": "INVALID_INPUT"}
    assert "lighthouse" not in str(collector.logs.events)


async def test_events_have_the_text_of_claims_where_content_is_captured(
    collector: TraceCollector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "event_only")
    async with conventional(collector, tmp_path, monkeypatch) as running:
        await check(running, traceparent()[2])

    told = [one.attributes.get("gen_ai.evaluation.explanation") for one in collector.logs.events]
    assert told == ["The lighthouse was built in 1873.", "states_nothing: Is it red?", None]


async def test_verdicts_are_no_events_without_the_conventions_or_a_sampled_trace(
    server: LocalServer, collector: TraceCollector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check(server, traceparent()[2])
    async with conventional(collector, tmp_path / "other", monkeypatch) as running:
        await check(running, traceparent(sampled=False)[2])

    assert collector.logs.events == []


async def test_verdicts_of_an_answer_are_events_of_the_span_that_wrote_it(
    collector: TraceCollector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with conventional(collector, tmp_path, monkeypatch) as running:
        async with AsyncClient(f"127.0.0.1:{running.port}") as client:
            evidence = ["The lighthouse was built in 1873."]
            answer = await client.generate("When was the lighthouse built?", evidence).collect()
        running.telemetry.tracing.close()

    [verdict] = answer.verdicts.values()
    [event] = collector.logs.events
    assert event.attributes["tieback.checker.name"] == verdict.checker == "verbatim"
    assert event.attributes["gen_ai.evaluation.score.label"] == verdict.label
    [span] = [one for one in collector.spans if one.name.startswith("text_completion")]
    assert (event.trace, event.span) == (span.trace, span.id)
