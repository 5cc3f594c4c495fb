"""Small calls that share a hop: what they save, and that each gets what it would have got alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from support.counting_encoder import CountingEncoder, counting_server
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import Overloaded
from tieback.serving.mesh import Mesh
from tieback.serving.mesh.byte_proxy import forwarded_error
from tieback.serving.mesh.coalescing import BYTES, ITEMS, Coalescer, parted
from tieback.serving.mesh.directory import Directory
from tieback.serving.requests import context
from tieback.serving.requests.context import CallContext
from tieback.v1 import content_pb2, encoder_pb2, vector_pb2

TARGET = "encoder:tiny"


@asynccontextmanager
async def coalescer() -> AsyncIterator[tuple[Coalescer, CountingEncoder]]:
    async with counting_server() as server:
        directory = Directory()
        directory.update(TARGET, {"1": {"address": server.address}})
        mesh = Mesh(directory, registry=CollectorRegistry())
        try:
            yield Coalescer(mesh), server.encoder
        finally:
            await mesh.close()


def request(text: str, **fields: Any) -> bytes:
    contents = [content_pb2.Content(text=text)]
    return encoder_pb2.EncodeRequest(space="tiny", contents=contents, **fields).SerializeToString()


async def encode(
    through: Coalescer, sent: bytes, deadline: Deadline = NO_DEADLINE, token: str = ""
) -> encoder_pb2.EncodeResponse:
    context.set_current(CallContext(authorization=token))
    return encoder_pb2.EncodeResponse.FromString(await through.encode(TARGET, sent, deadline))


def length(response: encoder_pb2.EncodeResponse) -> float:
    [result] = response.results
    data: bytes = result.encoding.dense.values.data
    return float(memoryview(data).cast("f")[0])


async def under_way(encoder: CountingEncoder, calls: int = 1) -> None:
    while len(encoder.calls) < calls:  # noqa: ASYNC110 - a list has no event
        await asyncio.sleep(0.001)


@asynccontextmanager
async def busy(through: Coalescer, encoder: CountingEncoder) -> AsyncIterator[None]:
    """With a hop under way that is answered at the end, so that what comes meanwhile waits."""
    encoder.open.clear()
    first = asyncio.create_task(encode(through, request("first")))
    await under_way(encoder)
    try:
        yield
    finally:
        encoder.open.set()
        await first


async def test_calls_that_come_while_a_hop_is_unanswered_go_on_as_one_and_each_gets_its_own_result() -> None:
    async with coalescer() as (through, encoder):
        async with busy(through, encoder):
            texts = ["a" * size for size in range(1, 9)]
            tasks = [asyncio.create_task(encode(through, request(text))) for text in texts]
            await asyncio.sleep(0)
        responses = await asyncio.gather(*tasks)

        assert [length(response) for response in responses] == [len(text) for text in texts]
        assert encoder.calls == [["first"], texts]
        assert [response.cost.tokens for response in responses] == list(range(1, 9))
        assert [response.cost.padding_tokens for response in responses] == list(range(2, 18, 2))
        assert {response.cost.batch_size for response in responses} == {8}


async def test_a_cached_text_costs_its_caller_nothing_and_says_so() -> None:
    async with coalescer() as (through, encoder):
        async with busy(through, encoder):
            tasks = [asyncio.create_task(encode(through, request(text))) for text in ("abc", "known")]
            await asyncio.sleep(0)
        fresh, known = await asyncio.gather(*tasks)

        assert (fresh.cost.tokens, fresh.cost.cached_items) == (3, 0)
        assert (known.cost.tokens, known.cost.cached_items) == (0, 1)


async def test_one_after_the_other_nothing_waits_for_company() -> None:
    async with coalescer() as (through, encoder):
        for text in ("a", "bb", "ccc"):
            assert length(await encode(through, request(text))) == len(text)

        assert encoder.calls == [["a"], ["bb"], ["ccc"]]


async def test_a_call_waits_for_no_answer_longer_than_a_moment() -> None:
    async with coalescer() as (through, encoder):
        async with busy(through, encoder):
            waiting = asyncio.create_task(encode(through, request("second")))
            await asyncio.wait_for(under_way(encoder, 2), 5)

            assert encoder.calls == [["first"], ["second"]]
        await waiting


async def test_enough_company_does_not_wait_at_all() -> None:
    async with coalescer() as (through, encoder):
        async with busy(through, encoder):
            tasks = [asyncio.create_task(encode(through, request("a"))) for _ in range(ITEMS + 1)]
            await under_way(encoder, 2)

            assert len(encoder.calls[1]) == ITEMS
        await asyncio.gather(*tasks)


@pytest.mark.parametrize(
    "other",
    [
        {"output": vector_pb2.OutputSpec(width=2)},
        {"truncation": encoder_pb2.TRUNCATION_END},
        {"cache": encoder_pb2.CACHE_POLICY_BYPASS},
    ],
)
async def test_calls_that_ask_for_something_else_do_not_share(other: dict[str, object]) -> None:
    async with coalescer() as (through, encoder):
        async with busy(through, encoder):
            tasks = [asyncio.create_task(encode(through, request(text))) for text in ("a", "b")]
            tasks.append(asyncio.create_task(encode(through, request("other", **other))))
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)

        assert sorted(encoder.calls[1:]) == [["a", "b"], ["other"]]


async def test_calls_of_two_tenants_do_not_share() -> None:
    async with coalescer() as (through, encoder):
        async with busy(through, encoder):
            tasks = [
                asyncio.create_task(encode(through, request("x" * count), token=token))
                for count, token in enumerate(("Bearer one", "Bearer two", "Bearer one", "Bearer two"), 1)
            ]
            await under_way(encoder, 3)  # the first of each tenant goes at once
        await asyncio.gather(*tasks)

        assert sorted(encoder.calls[1:]) == [["x"], ["xx"], ["xxx"], ["xxxx"]]


async def test_a_traced_call_goes_alone() -> None:
    async def traced(text: str) -> None:
        context.set_current(CallContext(traces=(("traceparent", f"00-{'1' * 32}-{'2' * 16}-01"),)))
        await through.encode(TARGET, request(text), NO_DEADLINE)

    async with coalescer() as (through, encoder):
        async with busy(through, encoder):
            tasks = [asyncio.create_task(traced(text)) for text in ("a", "b")]
            await under_way(encoder, 3)
        await asyncio.gather(*tasks)

        assert sorted(encoder.calls[1:]) == [["a"], ["b"]]


async def test_a_call_whose_deadline_may_choose_a_layer_goes_alone() -> None:
    output = vector_pb2.OutputSpec(earliest_layer=2)
    async with coalescer() as (through, encoder):
        async with busy(through, encoder):
            texts = ["a", "bb"]
            tasks = [
                asyncio.create_task(encode(through, request(text, output=output), Deadline.after(30)))
                for text in texts
            ]
            await under_way(encoder, 3)
        await asyncio.gather(*tasks)

        assert encoder.calls == [["first"], ["a"], ["bb"]]


async def test_large_calls_and_batches_go_alone() -> None:
    batch = encoder_pb2.EncodeRequest.FromString(request("b"))
    batch.contents.add(text="c")
    async with coalescer() as (through, encoder):
        async with busy(through, encoder):
            tasks = [
                asyncio.create_task(encode(through, sent))
                for sent in (request("a" * BYTES), batch.SerializeToString())
            ]
            await under_way(encoder, 3)
        await asyncio.gather(*tasks)

        assert sorted(encoder.calls[1:], key=len) == [["a" * BYTES], ["b", "c"]]


async def test_a_bad_text_is_its_callers_alone_and_its_field_is_that_of_its_own_call() -> None:
    async with coalescer() as (through, encoder):
        async with busy(through, encoder):
            tasks = [asyncio.create_task(encode(through, request(text))) for text in ("a", "bad", "ccc")]
            await asyncio.sleep(0)
        one, bad, three = await asyncio.gather(*tasks)

        assert (length(one), length(three)) == (1, 3)
        assert bad == await encode(through, request("bad"))
        assert encoder.calls[1] == ["a", "bad", "ccc"]


async def test_a_content_that_cannot_be_read_fails_its_own_call_as_it_would_alone() -> None:
    empty = encoder_pb2.EncodeRequest(space="tiny", contents=[content_pb2.Content()]).SerializeToString()
    async with coalescer() as (through, encoder):
        async with busy(through, encoder):
            tasks = [asyncio.create_task(encode(through, sent)) for sent in (empty, request("aa"))]
            await asyncio.sleep(0)
        failed, good = await asyncio.gather(*tasks, return_exceptions=True)

        assert isinstance(failed, grpc.aio.AioRpcError)
        assert failed.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert not isinstance(good, BaseException)
        assert length(good) == 2


async def test_a_failure_of_the_hop_is_everybodys() -> None:
    async with coalescer() as (through, encoder):
        async with busy(through, encoder):
            tasks = [asyncio.create_task(encode(through, request(text))) for text in ("a", "b")]
            await asyncio.sleep(0)
            encoder.failure = Overloaded("too much waits", retry_after=2.0)
            encoder.calls.clear()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)

        assert encoder.calls == [["a", "b"]]
        for outcome in outcomes:
            assert isinstance(outcome, grpc.aio.AioRpcError)
            assert "too much waits" in str(forwarded_error(outcome))


async def test_who_goes_away_takes_nobody_along() -> None:
    async with coalescer() as (through, encoder):
        async with busy(through, encoder):
            tasks = [asyncio.create_task(encode(through, request(text))) for text in ("a", "bb", "ccc")]
            await asyncio.sleep(0)
            tasks[0].cancel()  # before it was sent
            await under_way(encoder, 2)
            tasks[1].cancel()  # and while it was computed
            await asyncio.sleep(0.01)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)

        assert [isinstance(outcome, asyncio.CancelledError) for outcome in outcomes] == [True, True, False]
        assert encoder.calls[1:] == [["bb", "ccc"]]
        assert encoder.cancelled == 0


async def test_when_all_have_gone_away_the_hop_is_cancelled() -> None:
    async with coalescer() as (through, encoder), busy(through, encoder):
        tasks = [asyncio.create_task(encode(through, request(text))) for text in ("a", "b")]
        await under_way(encoder, 2)
        for task in tasks:
            task.cancel()

        await asyncio.wait_for(cancellation(encoder), 5)
        assert encoder.calls[1:] == [["a", "b"]]


async def cancellation(encoder: CountingEncoder) -> None:
    while not encoder.cancelled:  # noqa: ASYNC110 - a count has no event
        await asyncio.sleep(0.001)


async def test_the_hop_has_the_time_of_its_most_patient_member() -> None:
    async with coalescer() as (through, encoder):
        async with busy(through, encoder):
            tasks = [
                asyncio.create_task(encode(through, request("a"), Deadline.after(seconds)))
                for seconds in (2.0, 20.0, 10.0)
            ]
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)

        assert 15 < encoder.deadlines[1] < 20


contents = st.one_of(
    st.builds(lambda text: content_pb2.Content(text=text), st.text(max_size=20)),
    st.builds(lambda image: content_pb2.Content(image=image), st.binary(max_size=300)),
)


@given(st.text(max_size=10), st.lists(st.lists(contents, max_size=3), max_size=4), st.integers(0, 2))
def test_requests_laid_end_to_end_are_one_with_all_contents(
    space: str, parts: list[list[content_pb2.Content]], truncation: int
) -> None:
    common = encoder_pb2.EncodeRequest(space=space, truncation=truncation)  # type: ignore[arg-type]  # its number
    taken = []
    for part in parts:
        each = encoder_pb2.EncodeRequest(contents=part)
        each.MergeFrom(common)
        rest, found = parted(each.SerializeToString())
        assert encoder_pb2.EncodeRequest.FromString(rest) == common
        taken += found
    joined = encoder_pb2.EncodeRequest.FromString(b"".join([common.SerializeToString(), *taken]))

    assert joined.space == space
    assert list(joined.contents) == [content for part in parts for content in part]
