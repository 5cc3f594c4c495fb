"""What a hostile or mistaken request gets from the whole platform, past the checks of the SDK."""

from __future__ import annotations

import math
from typing import Any

import grpc
import pytest
from support.bad_requests import INVALID, TEXT_SPACE, bad_item, encode, fails, space_ref, text, vector
from support.each import each
from support.lab import lab as lab
from support.statuses import Failure
from tieback.serving.requests.failures import from_status
from tieback.v1 import (
    answer_pb2,
    answer_pb2_grpc,
    catalog_pb2,
    catalog_pb2_grpc,
    content_pb2,
    encoder_pb2,
    generator_pb2,
    generator_pb2_grpc,
    index_pb2,
    index_pb2_grpc,
    report_pb2,
    reranker_pb2,
    reranker_pb2_grpc,
    router_pb2,
    router_pb2_grpc,
    vector_pb2,
)


@pytest.fixture(scope="module")
def collection(local_platform: Any) -> str:
    with grpc.insecure_channel(local_platform.address) as channel:
        stub = index_pb2_grpc.IndexServiceStub(channel)
        stub.CreateCollection(
            index_pb2.CreateCollectionRequest(
                name="bad-input", space=space_ref(channel, TEXT_SPACE), width=384
            )
        )
    return "bad-input"


# Names that do not exist


def test_an_unknown_space_is_not_found_with_the_choices(local_channel: grpc.Channel) -> None:
    failure = fails(lambda: encode(local_channel, "all-minilm", text("hello")))

    assert failure.code is grpc.StatusCode.NOT_FOUND
    assert failure.resource == ("space", "all-minilm")
    assert TEXT_SPACE in failure.message


def test_an_unknown_model_is_not_found_with_the_choices(local_channel: grpc.Channel) -> None:
    request = generator_pb2.GenerateRequest(model="gpt", prompt="hello")
    failure = fails(lambda: generator_pb2_grpc.GeneratorServiceStub(local_channel).Generate(request))

    assert failure.code is grpc.StatusCode.NOT_FOUND
    assert "smollm2-135m-instruct" in failure.message


def to_rerank(text: str) -> reranker_pb2.RerankSource:
    return reranker_pb2.RerankSource(content=content_pb2.Content(text=text))


def test_an_unknown_method_is_not_found_with_the_choices(local_channel: grpc.Channel) -> None:
    request = reranker_pb2.RerankRequest(
        query=to_rerank("a"),
        candidates=[reranker_pb2.RerankCandidate(id="1", source=to_rerank("b"))],
        method=report_pb2.Method(name="magic"),
    )
    failure = fails(lambda: reranker_pb2_grpc.RerankerServiceStub(local_channel).Rerank(request))

    assert failure.code is grpc.StatusCode.NOT_FOUND
    assert "optimal_transport" in failure.message


def test_a_bad_candidate_fails_alone_and_a_bad_query_fails_the_call(local_channel: grpc.Channel) -> None:
    stub = reranker_pb2_grpc.RerankerServiceStub(local_channel)
    good = reranker_pb2.RerankCandidate(id="good", source=to_rerank("b"))
    bad = [
        reranker_pb2.RerankCandidate(id="empty", source=to_rerank(" ")),
        reranker_pb2.RerankCandidate(id="none"),
        reranker_pb2.RerankCandidate(id="score", source=to_rerank("b"), score=math.nan),
    ]

    reply = stub.Rerank(reranker_pb2.RerankRequest(query=to_rerank("a"), candidates=[*bad, good]))
    alone = stub.Rerank(reranker_pb2.RerankRequest(query=to_rerank("a"), candidates=bad))
    failure = fails(
        lambda: stub.Rerank(reranker_pb2.RerankRequest(query=to_rerank(" "), candidates=[*bad, good]))
    )

    assert [(one.id, one.first_rank) for one in reply.results] == [("good", 3)]
    assert not alone.results
    for failures in (reply.failures, alone.failures):
        errors = [from_status(one.error) for one in failures]
        assert [
            (one.id, one.first_rank, str(error.field)) for one, error in zip(failures, errors, strict=True)
        ] == [
            ("empty", 0, "candidates[0].source.content.text"),
            ("none", 1, "candidates[1].source"),
            ("score", 2, "candidates[2].score"),
        ]
    assert (failure.code, failure.field) == (INVALID, "query.content.text")


def test_an_unknown_parameter_of_a_method_is_named(local_channel: grpc.Channel) -> None:
    method = report_pb2.Method(name="optimal_transport")
    method.parameters.update({"bet": 0.5})
    request = reranker_pb2.RerankRequest(
        query=to_rerank("a"),
        candidates=[reranker_pb2.RerankCandidate(id="1", source=to_rerank("b"))],
        method=method,
    )
    failure = fails(lambda: reranker_pb2_grpc.RerankerServiceStub(local_channel).Rerank(request))

    assert failure.code is INVALID
    assert failure.field == "method.parameters.bet"
    assert "beta" in failure.message


def test_an_unknown_collection_is_not_found_with_the_choices(
    local_channel: grpc.Channel, collection: str
) -> None:
    request = index_pb2.SearchRequest(collection="bad-inputs", text="x")
    failure = fails(lambda: index_pb2_grpc.IndexServiceStub(local_channel).Search(request))

    assert failure.code is grpc.StatusCode.NOT_FOUND
    assert collection in failure.message


@pytest.mark.parametrize(
    ("ignored", "field"),
    [
        ({"begin": 0, "end": 1}, "modality"),
        ({"modality": 77, "begin": 0, "end": 1}, "modality"),
        ({"modality": content_pb2.MODALITY_TEXT, "begin": 0, "end": 385}, "end"),
        ({"modality": content_pb2.MODALITY_TEXT, "begin": 5, "end": 5}, "end"),
    ],
)
def test_ignored_dimensions_that_are_none_are_refused(
    local_channel: grpc.Channel, collection: str, ignored: dict[str, Any], field: str
) -> None:
    query = vector([0.1] * 384, space=space_ref(local_channel, TEXT_SPACE))
    request = index_pb2.SearchRequest(
        collection=collection, vector=query, ignored=[router_pb2.IgnoredDimensions(**ignored)]
    )

    failure = fails(lambda: index_pb2_grpc.IndexServiceStub(local_channel).Search(request))

    assert (failure.code, failure.field) == (INVALID, f"ignored[0].{field}")


def test_an_unknown_family_is_not_found(local_channel: grpc.Channel) -> None:
    request = catalog_pb2.ListMethodsRequest(family="magic")
    failure = fails(lambda: catalog_pb2_grpc.CatalogServiceStub(local_channel).ListMethods(request))

    assert failure.code is grpc.StatusCode.NOT_FOUND


# Shapes and vectors


def test_an_empty_batch_is_refused(local_channel: grpc.Channel) -> None:
    failure = fails(lambda: encode(local_channel, TEXT_SPACE))

    assert (failure.code, failure.field) == (INVALID, "contents")


def test_too_many_items_are_refused_with_the_limit(local_channel: grpc.Channel) -> None:
    failure = fails(lambda: encode(local_channel, TEXT_SPACE, *[text("a")] * 1025))

    assert (failure.code, failure.field) == (INVALID, "contents")
    assert "1024" in failure.message


def test_a_tensor_whose_data_does_not_fit_its_shape_is_refused(local_channel: grpc.Channel) -> None:
    broken = vector([0.0] * 384, space=space_ref(local_channel, TEXT_SPACE))
    broken.values.shape[0] = 385
    failure = bad_item(local_channel, TEXT_SPACE, content_pb2.Content(vector=broken), text("good"))

    assert (failure.code, failure.field) == (INVALID, "contents[1].vector.values.data")


def test_a_nan_vector_is_refused(local_channel: grpc.Channel) -> None:
    broken = vector([float("nan")] * 384, space=space_ref(local_channel, TEXT_SPACE))
    failure = bad_item(local_channel, TEXT_SPACE, content_pb2.Content(vector=broken), text("good"))

    assert (failure.code, failure.field) == (INVALID, "contents[1].vector.values")


def test_a_width_that_was_not_trained_is_refused_with_those_that_were(local_channel: grpc.Channel) -> None:
    failure = fails(
        lambda: encode(local_channel, TEXT_SPACE, text("a"), output=vector_pb2.OutputSpec(width=128))
    )
    assert (failure.code, failure.field) == (INVALID, "output.width")
    assert "384" in failure.message

    cut = encode(local_channel, "wordllama-256", text("a"), output=vector_pb2.OutputSpec(width=128))
    assert list(cut.results[0].encoding.dense.values.shape) == [128]


def test_a_layer_that_a_space_does_not_offer_is_refused(local_channel: grpc.Channel) -> None:
    failure = fails(
        lambda: encode(local_channel, TEXT_SPACE, text("a"), output=vector_pb2.OutputSpec(layer=3))
    )

    assert (failure.code, failure.field) == (INVALID, "output.layer")
    assert "its last, where none is named" in failure.message


def test_a_token_reduction_that_a_space_does_not_offer_is_refused(
    local_channel: grpc.Channel,
) -> None:
    asked = vector_pb2.OutputSpec(reduction=vector_pb2.Reduction(method="pitome"))
    failure = fails(lambda: encode(local_channel, TEXT_SPACE, text("a"), output=asked))

    assert (failure.code, failure.field) == (INVALID, "output.reduction.method")
    assert "has no token reduction 'pitome'; it has: none" in failure.message


def test_a_vector_of_another_space_is_a_mismatch_in_a_search(
    local_channel: grpc.Channel, collection: str
) -> None:
    other = vector([0.1] * 384, space=space_ref(local_channel, "paraphrase-minilm-l3-v2"))
    request = index_pb2.SearchRequest(collection=collection, vector=other)
    failure = fails(lambda: index_pb2_grpc.IndexServiceStub(local_channel).Search(request))

    assert (failure.code, failure.reason) == (INVALID, "SPACE_MISMATCH")
    assert "paraphrase-minilm-l3-v2" in failure.message


def test_a_vector_of_another_revision_is_a_mismatch(local_channel: grpc.Channel, collection: str) -> None:
    ref = space_ref(local_channel, TEXT_SPACE)
    ref.revision = "0ld"
    request = index_pb2.SearchRequest(collection=collection, vector=vector([0.1] * 384, space=ref))
    failure = fails(lambda: index_pb2_grpc.IndexServiceStub(local_channel).Search(request))

    assert failure.reason == "SPACE_MISMATCH"


def test_an_encoding_of_an_unbound_space_is_a_mismatch_in_the_router(local_channel: grpc.Channel) -> None:
    ref = vector_pb2.SpaceRef(name="mystery", revision="1", fingerprint="1")
    encoding = encoder_pb2.Encoding(
        space=ref, modality=content_pb2.MODALITY_TEXT, dense=vector([1.0, 0.0], space=ref)
    )
    request = router_pb2.FuseRequest(
        inputs=[router_pb2.FuseInput(parts=[router_pb2.FusePart(encoding=encoding)])]
    )
    response = router_pb2_grpc.RouterServiceStub(local_channel).Fuse(request)

    assert Failure(response.results[0].error).reason == "SPACE_MISMATCH"


@each("filter_", ["modality =", "((((", "year > ", "a = 'b' AND", "\x00", "NOT " * 500 + "a = 1"])
def test_a_bad_filter_is_refused_with_its_place(
    local_channel: grpc.Channel, collection: str, filter_: str
) -> None:
    request = index_pb2.SearchRequest(collection=collection, text="x", filter=filter_)
    failure = fails(lambda: index_pb2_grpc.IndexServiceStub(local_channel).Search(request))

    assert (failure.code, failure.field) == (INVALID, "filter")


@pytest.mark.parametrize("token", ["nonsense", "AAAA", "\u2603"])
def test_a_bad_page_token_is_refused(local_channel: grpc.Channel, collection: str, token: str) -> None:
    request = index_pb2.ListItemsRequest(collection=collection, page_token=token)
    failure = fails(lambda: index_pb2_grpc.IndexServiceStub(local_channel).ListItems(request))

    assert (failure.code, failure.field) == (INVALID, "page_token")


def test_a_search_for_nothing_is_refused(local_channel: grpc.Channel, collection: str) -> None:
    request = index_pb2.SearchRequest(collection=collection)
    failure = fails(lambda: index_pb2_grpc.IndexServiceStub(local_channel).Search(request))

    assert failure.code is INVALID


# The pipeline


def test_an_empty_query_is_refused(local_channel: grpc.Channel) -> None:
    request = answer_pb2.RetrieveRequest(collection="bad-input")
    failure = fails(lambda: answer_pb2_grpc.AnswerServiceStub(local_channel).Retrieve(request))

    assert (failure.code, failure.field) == (INVALID, "query")


def test_explicit_weights_of_an_unknown_space_are_refused_with_the_choices(
    local_channel: grpc.Channel,
) -> None:
    request = answer_pb2.RetrieveRequest(
        collection="bad-input",
        query=[answer_pb2.QueryPart(content=text("hello"))],
        routing=router_pb2.Routing(weights={"clip": 1.0}),
    )
    failure = fails(lambda: answer_pb2_grpc.AnswerServiceStub(local_channel).Retrieve(request))

    assert failure.code in (INVALID, grpc.StatusCode.NOT_FOUND)
    assert TEXT_SPACE in failure.message


def strategy(name: str, **parameters: Any) -> generator_pb2.SamplingParameters:
    method = report_pb2.Method(name=name)
    method.parameters.update(parameters)
    return generator_pb2.SamplingParameters(strategy=method)


@each(
    "field, sampling",
    [
        ("sampling.temperature", generator_pb2.SamplingParameters(temperature=-1)),
        ("sampling.temperature", generator_pb2.SamplingParameters(temperature=float("nan"))),
        ("sampling.top_p", generator_pb2.SamplingParameters(top_p=1.5)),
        ("sampling.strategy.parameters.alpha", strategy("context_aware", alpha="much")),
        ("sampling.strategy.parameters.omega", strategy("lol", omega=-1)),
        ("sampling.strategy.parameters", strategy("lol", layer=31)),
    ],
)
def test_bad_decoding_options_are_refused_by_name(
    local_channel: grpc.Channel, field: str, sampling: generator_pb2.SamplingParameters
) -> None:
    request = generator_pb2.GenerateRequest(prompt="hello", sampling=sampling)
    failure = fails(lambda: generator_pb2_grpc.GeneratorServiceStub(local_channel).Generate(request))

    assert (failure.code, failure.field) == (INVALID, field)
