"""One trace over all processes that a call passes."""

from __future__ import annotations

import secrets

import grpc
import pytest
from support.running_platform import Platform, wait_for
from support.trace_collector import TraceCollector
from tieback.v1 import answer_pb2, answer_pb2_grpc, content_pb2, query_pb2, report_pb2
from tieback_client import Client, Item, Section

pytestmark = pytest.mark.ray


def test_a_retrieval_is_one_trace_over_every_process_it_passes(
    platform: Platform, client: Client, collector: TraceCollector
) -> None:
    client.ingest("traced", [Item(id="one", sections=[Section("a tall lighthouse", id="1")])]).collect()
    trace = secrets.token_hex(16)
    request = answer_pb2.RetrieveRequest(
        collection="traced",
        query=[answer_pb2.QueryPart(content=content_pb2.Content(text="a light"))],
        options=query_pb2.QueryOptions(reranker=report_pb2.Method(name="late_interaction")),
    )
    with grpc.insecure_channel(platform.address) as channel:
        answer_pb2_grpc.AnswerServiceStub(channel).Retrieve(
            request, metadata=(("traceparent", f"00-{trace}-{secrets.token_hex(8)}-01"),), timeout=30
        )

    passed = {
        "tieback-gateway",
        "tieback-encoder:all-minilm-l6-v2",
        "tieback-encoder:paraphrase-minilm-l3-v2",
        "tieback-encoder:wordllama-256",
        "tieback-router",
        "tieback-index",
        "tieback-reranker",
    }

    def processes() -> set[str]:
        return {span.process for span in collector.spans if span.trace == trace}

    assert wait_for(lambda: passed <= processes(), 20), processes()
    spans = [span for span in collector.spans if span.trace == trace]
    known = {span.id for span in spans}
    assert sum(span.parent not in known for span in spans) == 1  # the caller's own span, and no other gap
