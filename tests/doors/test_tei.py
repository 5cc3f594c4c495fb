"""The package tei-client asks the door of text-embeddings-inference, unmodified."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from support.doors import running
from support.own_classifier import (
    LABELS,
    classifier_card,
    own_logits,
    own_pair_logits,
    save_classifier,
)
from support.own_encoder import WORDS, Silent
from support.own_reranker import write_pair_tokenizer
from support.running_platform import Platform
from support.small_spaces import write_words
from tei_client.clients.grpc_client import GrpcClient
from tei_client.models import ModelType, TruncationDirection
from tei_client.stubs import tei_pb2, tei_pb2_grpc
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback_client import Client

MINILM = "all-minilm-l6-v2"
CATS, ROCKETS = "Cats sleep for twelve hours.", "The Saturn V rocket was 110 metres tall."
LONG = "word " * 400


@pytest.fixture(scope="module")
def client(doors: Platform) -> Iterator[GrpcClient]:
    loop = asyncio.new_event_loop()  # its channel for calls side by side wants one that is there
    asyncio.set_event_loop(loop)
    yield GrpcClient(doors.address)
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture(scope="module")
def channel(doors: Platform) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(doors.address) as made:
        yield made


@pytest.fixture(scope="module")
def sdk(doors: Platform) -> Iterator[Client]:
    with Client(doors.address, timeout=60) as made:
        yield made


def refused(call: Any) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def test_the_model_is_described(client: GrpcClient) -> None:
    info = client.info()

    assert client.health()
    assert info.server_model_id == MINILM
    assert info.server_model_type is ModelType.Embedding
    assert info.server_model_dtype == "int8"
    assert info.max_input_length == 256
    assert info.max_client_batch_size == 1024


def test_texts_become_the_vectors_of_the_native_call(client: GrpcClient, sdk: Client) -> None:
    native = sdk.encode([CATS], space=MINILM).vectors
    found = client.embed([CATS, ROCKETS])

    np.testing.assert_array_equal(np.array(found[0], np.float32), native[0])
    assert len(found[1]) == 384


async def test_the_client_asks_side_by_side_too(doors: Platform) -> None:
    own = GrpcClient(doors.address)

    found = await own.async_embed([CATS, ROCKETS])

    assert [len(one) for one in found] == [384, 384]


def test_every_token_has_a_vector(client: GrpcClient, sdk: Client) -> None:
    (found,) = client.embed_all(CATS)
    (native,) = sdk.encode([CATS], space=MINILM, kinds=["multi_vector"])

    assert native.multi_vector is not None
    np.testing.assert_allclose(np.array(found), native.multi_vector.values, atol=1e-6)


def test_a_text_that_is_too_long_is_refused_with_its_length_and_the_limit(client: GrpcClient) -> None:
    error = refused(lambda: client.embed(LONG))
    cut = client.embed(LONG, truncate=True)
    left = refused(lambda: client.embed(LONG, truncate=True, truncation_direction=TruncationDirection.Left))

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "the text has 400 tokens and the model reads 254" in error.details()
    assert "(truncate)" in error.details()
    assert len(cut[0]) == 384
    assert left.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "RIGHT" in left.details()


def test_tokens_are_those_of_the_model_and_lead_back(client: GrpcClient) -> None:
    (with_special,) = client.tokenize("Hello, world")
    (alone,) = client.tokenize("Hello, world", add_special_tokens=False)

    assert with_special.get_ids() == [101, 7592, 1010, 2088, 102]
    assert [one.special for one in with_special.tokens] == [True, False, False, False, True]
    assert [(one.text, one.start, one.stop) for one in alone.tokens] == [
        ("hello", 0, 5), (",", 5, 6), ("world", 7, 12),
    ]  # fmt: skip
    assert client.decode(with_special.get_ids()) == "hello, world"
    assert client.decode(with_special.get_ids(), skip_special_tokens=False) == "[CLS] hello, world [SEP]"
    assert refused(lambda: client.decode([10**6])).code() is grpc.StatusCode.INVALID_ARGUMENT


def test_prompts_are_listed_by_the_error_that_the_client_reads(client: GrpcClient) -> None:
    error = refused(lambda: client.embed(CATS, prompt_name="query"))

    assert client.prompt_names() in ([], [""])
    assert "Available prompts: []" in error.details()


def test_terms_come_from_a_sparse_space(channel: grpc.Channel, sdk: Client) -> None:
    stub = tei_pb2_grpc.EmbedStub(channel)
    found = stub.EmbedSparse(tei_pb2.EmbedSparseRequest(inputs=CATS)).sparse_embeddings
    weights, indices, _ = sdk.encode([CATS], space="splade-tiny", kinds=["sparse"]).sparse

    assert [one.index for one in found] == indices.tolist()
    np.testing.assert_array_equal(np.array([one.value for one in found], np.float32), weights)


def test_a_call_may_name_another_model(channel: grpc.Channel) -> None:
    stub = tei_pb2_grpc.EmbedStub(channel)
    request = tei_pb2.EmbedRequest(inputs=CATS, normalize=True)

    other = stub.Embed(request, metadata=[("x-tieback-model", "wordllama-256")])
    unknown = refused(lambda: stub.Embed(request, metadata=[("x-tieback-model", "nothing")]))

    assert len(other.embeddings) == 256
    assert other.metadata.compute_chars == len(CATS)
    assert other.metadata.total_time_ns > 0
    assert unknown.code() is grpc.StatusCode.NOT_FOUND
    assert MINILM in unknown.details()


def test_vectors_that_are_not_of_length_1_are_unimplemented(client: GrpcClient) -> None:
    error = refused(lambda: client.embed(CATS, normalize=False))

    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "set normalize" in error.details()


@pytest.mark.parametrize("method", ["Predict", "PredictStream"])
def test_classes_are_asked_elsewhere(channel: grpc.Channel, method: str) -> None:
    request = tei_pb2.PredictRequest(inputs=CATS)
    call = getattr(tei_pb2_grpc.PredictStub(channel), method)

    error = refused(lambda: call(request) if method == "Predict" else list(call(iter([request]))))

    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "ClassifierService" in error.details()


def test_a_classifier_of_texts_predicts(tmp_path: Path) -> None:
    model = save_classifier(tmp_path / "cards/own")
    write_pair_tokenizer(tmp_path / "cards/own")
    words = write_words(tmp_path / "cards", "words", {word: np.ones(8) for word in WORDS[4:]})
    pull([words, classifier_card(tmp_path / "cards/own")], [words], Store(tmp_path / "models"), Silent())
    (logits,) = own_logits(tmp_path / "cards/own", model, ("owl flies",))
    of_pair = own_pair_logits(tmp_path / "cards/own", model, "owl flies", "wren")
    own = {"CARDS": str(tmp_path / "cards"), "MODELS": str(tmp_path / "models"), "SPACES": "words"}

    with running(tmp_path, DOORS="tei", **own) as platform, grpc.insecure_channel(platform.address) as asked:
        stub = tei_pb2_grpc.PredictStub(asked)
        found = stub.Predict(tei_pb2.PredictRequest(inputs="owl flies"))
        (streamed,) = stub.PredictStream(iter([tei_pb2.PredictRequest(inputs="owl flies")]))
        long = refused(lambda: stub.Predict(tei_pb2.PredictRequest(inputs="owl " * 40)))
        cut = stub.Predict(tei_pb2.PredictRequest(inputs="owl " * 40, truncate=True))
        raw = stub.Predict(tei_pb2.PredictRequest(inputs="owl flies", raw_scores=True))
        pair = stub.PredictPair(tei_pb2.PredictPairRequest(inputs=["owl flies", "wren"], raw_scores=True))
        (alone,) = stub.PredictPairStream(iter([tei_pb2.PredictPairRequest(inputs=["owl flies"])]))
        three = refused(lambda: stub.PredictPair(tei_pb2.PredictPairRequest(inputs=["owl"] * 3)))
        second = refused(lambda: stub.PredictPair(tei_pb2.PredictPairRequest(inputs=["owl", "wren " * 40])))

    order = np.argsort(-logits)
    shares = np.exp(logits) / np.exp(logits).sum()
    assert [one.label for one in found.predictions] == [LABELS[place] for place in order]
    np.testing.assert_allclose([one.score for one in found.predictions], shares[order], atol=1e-4)
    assert streamed.predictions == found.predictions == alone.predictions
    assert (long.code(), len(cut.predictions)) == (grpc.StatusCode.INVALID_ARGUMENT, len(LABELS))
    assert "40 tokens" in long.details()
    np.testing.assert_allclose([one.score for one in raw.predictions], logits[order], atol=1e-4)
    np.testing.assert_allclose([one.score for one in pair.predictions], sorted(of_pair)[::-1], atol=1e-4)
    assert three.code() is second.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "41 tokens and the model reads 21 together" in second.details()


async def test_the_client_reranks_where_the_deployment_says_that_it_is_a_reranker(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with running(tmp_path_factory.mktemp("reranker"), DOORS="tei:reranker", SPACES=MINILM) as own:
        client = GrpcClient(own.address)
        question = "How long do cats sleep?"

        found = client.rerank(question, [ROCKETS, CATS], return_text=True)
        raw = client.rerank(question, [ROCKETS, CATS], raw_scores=True)
        long = refused(lambda: client.rerank(question, [CATS, LONG]))
        cut = client.rerank(question, [CATS, LONG], truncate=True)
        empty = refused(lambda: client.rerank(question, [CATS, " "]))

    assert empty.details().startswith("the text is empty")
    assert [(one.index, one.text) for one in found.ranks] == [(1, CATS), (0, ROCKETS)]
    for one, same in zip(found.ranks, raw.ranks, strict=True):
        assert one.score == pytest.approx(1 / (1 + np.exp(-same.score)), abs=1e-6)
    assert "the text has 400 tokens and the model reads 254" in long.details()
    assert cut.ranks[0].index == 0


def test_texts_of_a_stream_are_ordered_together(channel: grpc.Channel) -> None:
    stub = tei_pb2_grpc.RerankStub(channel)

    def asked(*queries: str) -> list[Any]:
        pairs = zip(queries, (ROCKETS, CATS), strict=True)
        return [tei_pb2.RerankStreamRequest(query=query, text=text) for query, text in pairs]

    found = stub.RerankStream(iter(asked("sleeping cats", "sleeping cats")))
    two = refused(lambda: stub.RerankStream(iter(asked("cats", "dogs"))))
    none = refused(lambda: stub.RerankStream(iter([])))

    assert [one.index for one in found.ranks] == [1, 0]
    assert "one query" in two.details()
    assert "no texts" in none.details()
