"""An error names its place in the request that the caller sent, whichever service behind found it."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from support.each import each
from support.statuses import Failure
from tieback.v1 import (
    answer_pb2,
    answer_pb2_grpc,
    catalog_pb2,
    catalog_pb2_grpc,
    content_pb2,
    generator_pb2,
    index_pb2,
    index_pb2_grpc,
    router_pb2,
    vector_pb2,
)

TEXT_SPACE = "all-minilm-l6-v2"


def section(text: str) -> content_pb2.Section:
    return content_pb2.Section(content=content_pb2.Content(text=text))


def part(text: str, weight: float = 1.0) -> answer_pb2.QueryPart:
    return answer_pb2.QueryPart(content=content_pb2.Content(text=text), weight=weight)


@pytest.fixture(scope="module")
def collection(local_platform: Any) -> str:
    request = answer_pb2.IngestItemsRequest(
        collection="places", items=[content_pb2.Item(id="a", sections=[section("Tea is hot.")])]
    )
    with grpc.insecure_channel(local_platform.address) as channel:
        list(answer_pb2_grpc.AnswerServiceStub(channel).IngestItems(iter([request])))
    return "places"


def test_an_item_to_ingest_beside_one_that_cannot_be_read_is_told_of_its_own_place(
    local_channel: grpc.Channel, collection: str
) -> None:
    empty = content_pb2.Item(id="empty", sections=[section("fine"), content_pb2.Section()])
    nul = content_pb2.Item(id="nul", sections=[section("fine"), section("a \0 b")])
    nameless = content_pb2.Item(sections=[section("no id")])
    request = answer_pb2.IngestItemsRequest(collection=collection, items=[empty, nul, nameless])

    (response,) = answer_pb2_grpc.AnswerServiceStub(local_channel).IngestItems(iter([request]))

    assert [Failure(one.status).field for one in response.results] == [
        "items[0].sections[1].content",
        "items[1].sections[1].content.text",
        "items[2].id",
    ]


def test_an_item_to_write_beside_one_that_cannot_be_read_is_told_of_its_own_place(
    local_channel: grpc.Channel,
) -> None:
    space = catalog_pb2_grpc.CatalogServiceStub(local_channel).GetSpace(
        catalog_pb2.GetSpaceRequest(name=TEXT_SPACE)
    )
    stub = index_pb2_grpc.IndexServiceStub(local_channel)
    stub.CreateCollection(
        index_pb2.CreateCollectionRequest(name="places-of-vectors", space=space.space.ref, width=2)
    )
    values = vector_pb2.Tensor(dtype=vector_pb2.DATA_TYPE_FLOAT32, shape=[1], data=bytes(4))
    narrow = index_pb2.IndexedItem(
        item=content_pb2.Item(id="narrow", sections=[section("words")]),
        sections=[
            index_pb2.IndexedSection(
                vector=vector_pb2.Vector(space=space.space.ref, values=values),
                modality=content_pb2.MODALITY_TEXT,
            )
        ],
    )
    spaceless = index_pb2.IndexedItem(sections=[index_pb2.IndexedSection()])
    request = index_pb2.UpsertItemsRequest(collection="places-of-vectors", items=[spaceless, narrow])

    (response,) = stub.UpsertItems(iter([request]))

    assert [Failure(status).field for status in response.results] == [
        "items[0].sections[0].vector.space.name",
        "items[1].sections[0].vector.values",
    ]


@each(
    "field, changes",
    [
        ("retrieval.query", {"retrieval": {"query": []}}),
        ("retrieval.query[0].weight", {"retrieval": {"query": [part("hot", float("nan"))]}}),
        ("retrieval.limit", {"retrieval": {"limit": 1_000_000}}),
        ("retrieval.filter", {"retrieval": {"filter": "year >"}}),
        (
            'retrieval.routing.weights["nose"]',
            {"retrieval": {"routing": router_pb2.Routing(weights={"nose": 1})}},
        ),
        ("retrieval.query", {"retrieval": {"query": [part("hot tea " * 100_000)]}}),
        ("sampling.temperature", {"sampling": generator_pb2.SamplingParameters(temperature=-1)}),
        ("sampling.max_tokens", {"sampling": generator_pb2.SamplingParameters(max_tokens=1_000_000)}),
        ("grounding.abstain_below", {"grounding": generator_pb2.Grounding(abstain_below=2)}),
    ],
)
def test_what_is_wrong_with_an_answer_s_request_is_told_by_its_place_there(
    local_channel: grpc.Channel, collection: str, field: str, changes: dict[str, Any]
) -> None:
    asked = {"query": [part("what is hot?")], **changes.get("retrieval", {})}
    retrieval = answer_pb2.RetrieveRequest(collection=collection, **asked)
    request = answer_pb2.AnswerRequest(**(changes | {"retrieval": retrieval}))

    with pytest.raises(grpc.RpcError) as caught:
        list(answer_pb2_grpc.AnswerServiceStub(local_channel).Answer(request))

    failure = Failure.of(caught.value)
    assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, field)
