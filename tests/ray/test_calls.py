"""Every service of the platform on Ray Serve, called through the gateway."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import grpc
import numpy as np
import pytest
from support.present import present
from support.running_platform import Platform
from support.statuses import trailing
from tieback.serving.requests.contract import SERVICES
from tieback.v1 import (
    encoder_pb2,
    encoder_pb2_grpc,
    generator_pb2,
    generator_pb2_grpc,
    index_pb2,
    index_pb2_grpc,
)
from tieback_client import (
    AnswerStyle,
    Client,
    DeadlineExceeded,
    Evidence,
    Grounding,
    Health,
    InvalidArgument,
    Item,
    NotFound,
    SamplingParameters,
    TiebackError,
    VectorKind,
)
from tieback_lab import client as lab_client
from tieback_lab.contract.demonstrations import Demonstration

pytestmark = pytest.mark.ray
TEXT_SPACE = "all-minilm-l6-v2"
# What an error must never show: an address, an id of Ray's, a path, a traceback.
INSIDE = re.compile(r"\d+\.\d+\.\d+\.\d+|[Aa]ctor|[0-9a-f]{16}|Traceback|File \"|/\w+/\w+|ray\b|pid")

WITHOUT_A_MODEL = {"tieback.v1.RecognitionService", "tieback.v1.TextClassifierService"}
"""Services that are there where the settings name a model for them, and not here."""


def test_every_text_space_encodes_through_the_gateway(client: Client) -> None:
    spaces = [space for space in client.spaces() if "text" in space.modalities and space.ref.name != "joint"]

    assert len(spaces) >= 3
    for space in spaces:
        if VectorKind.DENSE in space.kinds:
            encodings = client.encode(["the sea", "a lake"], space=space.ref.name)
            assert np.allclose(
                [np.linalg.norm(present(one.vector).values) for one in encodings], 1, atol=1e-3
            )
        else:
            found = client.encode(["the sea", "a lake"], space=space.ref.name, kinds=["sparse"], terms=True)
            assert "sea" in present(found[0].sparse).terms
            assert "lake" in present(found[1].sparse).terms


def test_a_demonstration_is_put_listed_and_read_through_the_gateway(platform: Platform) -> None:
    client = lab_client.Client(platform.address, timeout=60)
    shown = Demonstration("hours", "The library opens at 9.", "When does it open?", "AT 9")
    sampling, plain = SamplingParameters(max_tokens=4), Grounding(abstain_below=0.0, disabled=True)
    soft = ("as-they-are", {"demonstrations": ["hours"]})

    kept = client.put_demonstration(shown)
    answer = client.generate(
        "When does the museum open?", ["The museum opens at 10."], style=AnswerStyle.WRITE,
        sampling=sampling, grounding=replace(plain, soft_prompt=soft),
    ).collect()  # fmt: skip

    assert [one.demonstration for one in client.demonstrations()] == [shown]
    assert present(answer.finish).soft_tokens == kept.tokens
    client.delete_demonstration("hours")
    assert not client.demonstrations()


def test_a_collection_is_kept_and_restored_through_the_gateway(client: Client) -> None:
    client.ingest(
        "keep", [Item("moon", "The moon pulls the sea."), Item("bread", "Bread is baked.")]
    ).collect()
    made = client.snapshot("keep", "kept")
    client.delete_collection("keep")

    restored = client.restore("kept", "keep")

    assert (made.item_count, restored.item_count) == (2, 2)
    assert client.retrieve("keep", "the moon and the sea").hits[0].hit.item_id == "moon"
    assert [one.name for one in client.snapshots()] == ["kept"]
    client.delete_snapshot("kept")
    client.delete_collection("keep")
    with pytest.raises(NotFound):
        client.restore("kept", "keep")


def test_items_are_ingested_found_and_answered_with(client: Client) -> None:
    client.ingest(
        "tides",
        [
            Item("moon", "The gravity of the moon pulls the sea and makes the tides."),
            Item("bread", "Bread is made from flour, water, salt and yeast."),
        ],
    ).collect()

    found = client.retrieve("tides", "What causes the tides of the sea?")
    assert found.hits[0].hit.item_id == "moon"
    assert abs(sum(found.routing.weights.values()) - 1) < 1e-6

    answer = client.answer(
        "tides", "What makes the tides?", sampling=SamplingParameters(max_tokens=24), evidence_limit=1
    ).collect()
    assert answer.finish is not None
    assert {hit.item_id for hit in [one.hit for one in found.hits]} == {"moon", "bread"}


def test_a_long_text_is_split_by_the_replicas_of_its_spaces(client: Client) -> None:
    text = "The keeper of the lighthouse wrote of ships and storms. " * 40

    pieces = client.split(text, space="all-minilm-l6-v2")
    report = client.ingest("long", [Item("log", text)]).collect()

    assert [piece.text for piece in pieces] == [text[slice(*piece.span)] for piece in pieces]
    assert report.added_sections > len(pieces) > 1
    assert report.truncated == {}


def test_the_reranker_calls_the_encoder_on_its_own(client: Client) -> None:
    result = client.rerank("the moon pulls the sea", ["bread and salt", "the moon makes the tides"])

    assert result.results[0].id == "1"


def test_claims_are_checked_where_the_reranker_is(client: Client) -> None:
    checked = client.check(
        "The moon makes the tides. The moon is made of cheese.", ["The moon makes the tides."]
    )

    supported, other = checked.verdicts.values()
    assert supported.label.value == "supported"
    assert other.label.value in ("unsupported", "low_confidence")
    assert [one.claim_id for one in checked.citations] == [1]


def test_the_generator_streams(client: Client) -> None:
    answer = client.generate(
        "What is the capital of France?",
        evidence=[Evidence(id="1", text="Paris is the capital of France.")],
        sampling=SamplingParameters(max_tokens=12),
    ).collect()

    assert answer.finish is not None


def test_the_index_takes_a_stream_of_writes_and_acknowledges_each(platform: Platform) -> None:
    with grpc.insecure_channel(platform.address) as channel:
        stub = index_pb2_grpc.IndexServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            list(stub.UpsertItems(iter([index_pb2.UpsertItemsRequest(collection="nowhere")]), timeout=20))
        assert caught.value.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)


def test_health_and_catalog_tell_of_every_service(client: Client) -> None:
    for service in set(SERVICES) - WITHOUT_A_MODEL:
        assert client.health(service) is Health.SERVING
    states = {state.name: state for state in client.server_info().services}
    assert {"router", "index", "reranker", "generator", "answer", f"encoder:{TEXT_SPACE}"} <= states.keys()
    assert all(state.ready and state.replicas == 1 for state in states.values())


def test_reflection_lists_every_service(platform: Platform) -> None:
    from google.protobuf.descriptor_pool import DescriptorPool
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

    with grpc.insecure_channel(platform.address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert set(SERVICES) - set(database.get_services()) == WITHOUT_A_MODEL
        described = DescriptorPool(database).FindServiceByName("tieback.v1.AnswerService")
        assert "Retrieve" in described.methods_by_name


def test_errors_of_every_service_keep_the_inside_inside(client: Client, platform: Platform) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: client.encode("a", space="nowhere"),
        lambda: client.encode("a", space=TEXT_SPACE, width=7),
        lambda: client.search("nowhere", text="a"),
        lambda: client.retrieve("nowhere", "a"),
        lambda: client.rerank("a", ["b"], method="nothing"),
        lambda: client.generate("a", model="nobody").collect(),
        lambda: client.encode("a", space=TEXT_SPACE, timeout=0.001),
    ]
    for attempt in attempts:
        with pytest.raises(TiebackError) as caught:
            attempt()
        assert not INSIDE.search(str(caught.value).replace(platform.address, "")), str(caught.value)


def test_an_unknown_space_is_not_found_with_the_choices(client: Client) -> None:
    with pytest.raises(NotFound, match=TEXT_SPACE):
        client.encode("a", space="all-minilm")


def test_a_bad_field_is_named_through_the_gateway(client: Client) -> None:
    with pytest.raises(InvalidArgument) as caught:
        client.encode("a", space=TEXT_SPACE, width=7)
    assert caught.value.violations[0].field == "output.width"


def test_a_deadline_reaches_the_service_and_work_that_cannot_finish_is_not_started(
    client: Client, platform: Platform
) -> None:
    before = platform.value("tieback_tokens_total", space=TEXT_SPACE)

    with pytest.raises(DeadlineExceeded):
        client.encode("the sea", space=TEXT_SPACE, timeout=0.001)
    assert platform.value("tieback_tokens_total", space=TEXT_SPACE) == before


def test_bytes_that_are_no_request_are_invalid_at_the_gateway_too(platform: Platform) -> None:
    with grpc.insecure_channel(platform.address) as channel:
        call = channel.unary_unary("/tieback.v1.EncoderService/Encode", None, None)
        with pytest.raises(grpc.RpcError) as caught:
            call(b"\x0a\xff\xff", timeout=10)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_call_may_carry_its_own_request_id(platform: Platform) -> None:
    with grpc.insecure_channel(platform.address) as channel:
        stub = encoder_pb2_grpc.EncoderServiceStub(channel)
        request = encoder_pb2.EncodeRequest(space="nowhere")
        with pytest.raises(grpc.RpcError) as caught:
            stub.Encode(request, metadata=[("x-request-id", "mine-1")], timeout=10)
        assert trailing(caught.value)["x-request-id"] == "mine-1"


def test_cancelling_in_the_middle_of_a_stream_frees_the_slot(platform: Platform) -> None:
    from support.running_platform import wait_for

    with grpc.insecure_channel(platform.address) as channel:
        request = generator_pb2.GenerateRequest(
            prompt="Tell a long story about the sea.",
            sampling=generator_pb2.SamplingParameters(max_tokens=400),
        )
        stream = generator_pb2_grpc.GeneratorServiceStub(channel).Generate(request, timeout=60)
        next(stream)
        assert platform.value("tieback_in_flight", deployment="generator", method="Generate") == 1
        stream.cancel()

        wait_for(lambda: platform.value("tieback_in_flight", method="Generate") == 0, 10)
        wait_for(lambda: platform.value("tieback_active_items", service="generator") == 0, 10)
        assert platform.value("tieback_requests_total", deployment="generator", code="CANCELLED") >= 1
