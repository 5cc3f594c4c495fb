"""What a hostile caller sends through the door of text-embeddings-inference is held to the limits."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from support.doors import LITTLE, TOKEN, end_of_a_stream_that_is_not_read, guarded
from support.running_platform import Platform
from tei_client.stubs import tei_pb2, tei_pb2_grpc

MINE = (("authorization", f"Bearer {TOKEN}"),)
TOO_MANY = 1_025
"""Texts; the platform takes 16."""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with guarded(tmp_path_factory.mktemp("guarded"), "tei", "wordllama-256") as running:
        yield running


@pytest.fixture(scope="module")
def channel(platform: Platform) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(platform.address, [("grpc.max_send_message_length", -1)]) as made:
        yield made


def refusal(call: Any) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def embedded(text: str) -> Any:
    return tei_pb2.EmbedRequest(inputs=text, normalize=True)


def test_a_call_without_a_token_is_refused(channel: grpc.Channel) -> None:
    info = refusal(lambda: tei_pb2_grpc.InfoStub(channel).Info(tei_pb2.InfoRequest()))
    stream = refusal(lambda: list(tei_pb2_grpc.EmbedStub(channel).EmbedStream(iter([embedded("x")]))))
    texts = refusal(lambda: tei_pb2_grpc.RerankStub(channel).RerankStream(iter([])))

    codes = {info.code(), stream.code(), texts.code()}
    assert codes == {grpc.StatusCode.UNAUTHENTICATED}


def test_work_is_counted_for_the_tenant_of_the_token(platform: Platform, channel: grpc.Channel) -> None:
    tei_pb2_grpc.EmbedStub(channel).Embed(embedded("a text"), metadata=MINE)

    assert platform.value("tieback_tenant_requests_total", tenant="alpha") >= 1
    assert platform.value("tieback_requests_total", service="Embed", method="Embed", code="OK") == 1


def test_what_is_too_long_or_too_much_is_refused_by_its_field(channel: grpc.Channel) -> None:
    embed, rerank = tei_pb2_grpc.EmbedStub(channel), tei_pb2_grpc.RerankStub(channel)
    tokens = tei_pb2_grpc.TokenizeStub(channel)
    pair = tei_pb2.RerankStreamRequest(query="q", text="t", truncate=True)
    errors = {
        "text": refusal(lambda: embed.Embed(embedded("x" * 32_769), metadata=MINE)),
        "large": refusal(lambda: embed.Embed(embedded("x" * (2 << 20)), metadata=MINE)),
        "texts": refusal(
            lambda: rerank.Rerank(tei_pb2.RerankRequest(query="q", texts=["t"] * TOO_MANY), metadata=MINE)
        ),
        "stream": refusal(lambda: rerank.RerankStream(iter([pair] * TOO_MANY), metadata=MINE)),
        "tokens": refusal(lambda: tokens.Tokenize(tei_pb2.EncodeRequest(inputs="x" * 32_769), metadata=MINE)),
        "ids": refusal(lambda: tokens.Decode(tei_pb2.DecodeRequest(ids=[1] * 70_000), metadata=MINE)),
    }

    assert errors.pop("large").code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert {error.code() for error in errors.values()} == {grpc.StatusCode.INVALID_ARGUMENT}
    assert "32768 bytes" in errors["text"].details()
    assert "at most 1024" in errors["texts"].details()
    assert "at most 1024" in errors["stream"].details()


def test_a_message_that_is_torn_or_a_bomb_is_refused_and_the_server_goes_on(channel: grpc.Channel) -> None:
    call = channel.unary_unary("/tei.v1.Embed/Embed", None, None)

    torn = refusal(lambda: call(b"\x0a\xff\xff", metadata=MINE))
    bomb = refusal(lambda: call(gzip.compress(b"\x12\x00" * 4_000_000), metadata=MINE))

    assert torn.code() is bomb.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "100 times its size" in bomb.details()
    assert tei_pb2_grpc.EmbedStub(channel).Embed(embedded("still there"), metadata=MINE).embeddings


def test_the_rate_of_one_tenant_is_not_that_of_another(channel: grpc.Channel) -> None:
    embed = tei_pb2_grpc.EmbedStub(channel)

    def ask(times: int, token: str) -> None:
        for number in range(times):
            text = embedded(f"text number {number} " * 20)
            embed.Embed(text, metadata=(("authorization", f"Bearer {token}"),))

    error = refusal(lambda: ask(200, LITTLE))
    ask(1, TOKEN)

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "may have 1 tokens a second" in error.details()


def test_a_stream_that_nobody_reads_ends_and_the_server_goes_on(
    platform: Platform, channel: grpc.Channel
) -> None:
    embed = tei_pb2_grpc.EmbedStub(channel)
    call = embed.EmbedStream((embedded("the same text") for _ in range(50_000)), metadata=MINE)

    end = end_of_a_stream_that_is_not_read(platform, call, "Embed", "EmbedStream")

    assert end.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "nothing of the stream was read" in end.details()
    assert embed.Embed(embedded("still there"), metadata=MINE).embeddings
