"""Batch after batch over one call: what a bulk client may rely on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from support.statuses import Failure
from support.waiting import until
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, Overloaded, Unavailable
from tieback.core.types.encoding import CachePolicy, EncodeReply, EncodeRequest, SplitReply, SplitTextsRequest
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.processes.server import GrpcServer
from tieback.serving.servicers.encoder import encoder_servicer
from tieback.serving.settings import Settings
from tieback.v1 import content_pb2, encoder_pb2, encoder_pb2_grpc, vector_pb2
from tieback_client import AsyncClient
from tieback_contract.encodings import Encoding
from tieback_contract.field_path import at
from tieback_contract.modality import Modality
from tieback_contract.reports import Cost, Timing
from tieback_contract.vectors import SpaceRef, Vector

SPACE = SpaceRef("lengths", "r1", "f1")
Response = encoder_pb2.EncodeStreamResponse


class Lengths:
    """An encoder port whose vectors are as long as the text, and say so in each element.

    Batches that hold "wait" wait for `go`; those that hold an error's name get it: "overloaded" as often as
    `refusals` says, "broken" an exception that is not ours, "gone" what a replica says that shuts down.
    """

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.refusals = 0
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.caches: list[CachePolicy] = []
        self.deadlines: list[Deadline] = []

    async def split_texts(self, request: SplitTextsRequest, call: Call) -> SplitReply:
        raise NotImplementedError  # texts are not split here

    async def encode(self, request: EncodeRequest, call: Call) -> EncodeReply:
        contents, plan = request.contents, request.plan
        texts = [str(content.data) for content in contents]
        self.begun.append(texts[0])
        self.caches.append(request.cache)
        self.deadlines.append(call.deadline)
        try:
            if "wait" in texts:
                await self.go.wait()
            if "overloaded" in texts and self.refusals:
                self.refusals -= 1
                raise Overloaded("too much waits", retry_after=0.05)
            if "broken" in texts:
                raise ValueError("/etc/secret")
            if "gone" in texts:
                raise Unavailable("the server is shutting down")
            if plan.width == 7:
                raise InvalidInput("no such width", field=at("output", "width"))
        finally:
            self.ended.append(texts[0])
        results: list[Any] = [
            InvalidInput("bad", field=at("contents", index, "text"))
            if text == "bad"
            else Encoding(
                SPACE,
                Modality.TEXT,
                Vector(np.full(len(text), len(text), np.float32), SPACE),
                token_count=len(text),
            )
            for index, text in enumerate(texts)
        ]
        return EncodeReply(results, Timing(), Cost(tokens=len(texts)))


class Served:
    """The encoder behind a real server."""

    def __init__(self, encoder: Lengths, servicer: Any, server: GrpcServer, port: int) -> None:
        self.encoder, self.servicer, self.server = encoder, servicer, server
        self.address = f"localhost:{port}"


@asynccontextmanager
async def served(*, stream_items: int = 8) -> AsyncIterator[Served]:
    settings = Settings(models=Path("unused"), store=Path("unused"), drain_seconds=1)
    server = GrpcServer(settings, Telemetry(settings))
    encoder = Lengths()
    servicer = encoder_servicer(encoder, stream_items=stream_items)
    server.add(servicer)
    port = await server.start("127.0.0.1", 0)
    try:
        yield Served(encoder, servicer, server, port)
    finally:
        encoder.go.set()
        await server.drain(0)


@asynccontextmanager
async def stream(one: Served, **options: Any) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(one.address) as channel:
        call = encoder_pb2_grpc.EncoderServiceStub(channel).EncodeStream(**options)
        yield call
        call.cancel()


def batch(number: int, *texts: str, space: str = SPACE.name, **more: Any) -> encoder_pb2.EncodeStreamRequest:
    contents = [content_pb2.Content(text=text) for text in texts]
    request = encoder_pb2.EncodeRequest(space=space, contents=contents, **more)
    return encoder_pb2.EncodeStreamRequest(id=number, request=request)


async def read(call: Any, count: int) -> list[Response]:
    return [await asyncio.wait_for(call.read(), 5) for _ in range(count)]


def lengths(response: Response) -> list[float]:
    return [
        np.frombuffer(one.encoding.dense.values.data, "<f4")[0].item() for one in response.response.results
    ]


async def test_batches_are_answered_as_they_are_done_each_under_its_id() -> None:
    async with served() as one, stream(one) as call:
        await call.write(batch(1, "wait", "four"))
        await call.write(batch(2, "two"))
        await call.write(batch(0, "zero", "1"))
        first = await read(call, 2)
        one.encoder.go.set()
        last = await read(call, 1)

        assert sorted(response.id for response in first) == [0, 2]
        assert last[0].id == 1
        assert lengths(last[0]) == [4, 4]
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF  # type: ignore[attr-defined]  # the stubs lack it
        assert await call.code() is grpc.StatusCode.OK


async def test_a_bad_item_and_a_bad_batch_fail_alone() -> None:
    async with served() as one, stream(one) as call:
        await call.write(batch(1, "fine", "bad"))
        await call.write(batch(2, "x", output=vector_pb2.OutputSpec(width=7)))
        await call.write(batch(3, "broken"))
        await call.write(batch(4, "fine"))
        answers = {response.id: response for response in await read(call, 4)}

        item = Failure(answers[1].response.results[1].error)
        assert (item.code, item.field) == (grpc.StatusCode.INVALID_ARGUMENT, "contents[1].text")
        width = Failure(answers[2].error)
        assert (width.code, width.field) == (grpc.StatusCode.INVALID_ARGUMENT, "request.output.width")
        inside = Failure(answers[3].error)
        assert inside.code is grpc.StatusCode.INTERNAL
        assert "secret" not in inside.message
        assert lengths(answers[4]) == [4]


async def test_an_id_that_is_still_unanswered_is_refused_and_may_be_used_again_later() -> None:
    async with served() as one, stream(one) as call:
        await call.write(batch(1, "wait"))
        await call.write(batch(1, "again"))
        refused = await read(call, 1)
        one.encoder.go.set()
        answered = await read(call, 1)
        await call.write(batch(1, "later"))
        later = await read(call, 1)

        failure = Failure(refused[0].error)
        assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, "id")
        assert [lengths(answered[0]), lengths(later[0])] == [[4], [5]]


async def test_a_stream_is_of_one_space() -> None:
    async with served() as one, stream(one) as call:
        await call.write(batch(1, "a"))
        await call.write(batch(2, "b", space="another"))
        answers = {response.id: response for response in await read(call, 2)}

        failure = Failure(answers[2].error)
        assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, "request.space")
        assert "'lengths'" in failure.message
        assert lengths(answers[1]) == [1]


async def test_no_more_is_read_than_may_be_in_work() -> None:
    async with served(stream_items=4) as one, stream(one) as call:
        for number in range(8):
            await call.write(batch(number, "wait", f"{number}"))
        await until(lambda: len(one.encoder.begun) == 2)
        await asyncio.sleep(0.1)

        assert len(one.encoder.begun) == 2
        one.encoder.go.set()
        assert sorted(response.id for response in await read(call, 8)) == list(range(8))


async def test_a_client_that_does_not_read_its_answers_is_not_read_from() -> None:
    large = "x" * 100_000
    async with served(stream_items=4) as one, stream(one) as call:

        async def write() -> None:
            for number in range(100):
                await call.write(batch(number, large))

        writing = asyncio.create_task(write())
        await asyncio.sleep(0.5)

        assert len(one.encoder.begun) < 50
        assert len(await read(call, 100)) == 100
        await writing


async def test_what_is_refused_for_now_waits_and_nothing_more_is_read_meanwhile() -> None:
    async with served(stream_items=100) as one, stream(one) as call:
        one.encoder.refusals = 4
        await call.write(batch(1, "overloaded"))
        await until(lambda: len(one.encoder.begun) == 1)
        for number in range(2, 6):
            await call.write(batch(number, "later"))
        answers = await read(call, 5)

        assert one.encoder.begun.count("overloaded") == 5
        assert one.encoder.begun[-3:] == ["later"] * 3  # one may have been read already
        assert sorted(response.id for response in answers) == [1, 2, 3, 4, 5]
        assert all(response.WhichOneof("outcome") == "response" for response in answers)


async def test_cancelling_the_stream_ends_all_of_its_work() -> None:
    async with served() as one:
        async with stream(one) as call:
            for number in range(3):
                await call.write(batch(number, "wait"))
            await until(lambda: len(one.encoder.begun) == 3)

        await until(lambda: len(one.encoder.ended) == 3)


async def test_the_deadline_is_each_batchs_and_ends_all_of_the_work() -> None:
    async with served() as one, stream(one, timeout=0.3) as call:
        await call.write(batch(1, "wait"))

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()

        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert 0 < one.encoder.deadlines[0].at < float("inf")
        await until(lambda: len(one.encoder.ended) == 1)


async def test_a_server_that_shuts_down_finishes_what_runs_and_says_unavailable() -> None:
    async with served() as one, stream(one) as call:
        await call.write(batch(1, "wait"))
        await until(lambda: len(one.encoder.begun) == 1)

        one.servicer.drain()
        await call.write(batch(2, "too late"))
        one.encoder.go.set()
        answered = await read(call, 1)

        assert answered[0].id == 1
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        failure = Failure.of(caught.value)
        assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE")
        assert one.encoder.begun == ["wait"]


async def test_an_encoder_that_goes_away_ends_the_stream_after_the_answers_of_the_others() -> None:
    async with served() as one, stream(one) as call:
        await call.write(batch(1, "wait"))
        await call.write(batch(2, "gone"))
        await until(lambda: len(one.encoder.ended) == 1)
        one.encoder.go.set()

        assert [response.id for response in await read(call, 1)] == [1]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_bytes_that_are_no_message_end_the_stream() -> None:
    async with served() as one, grpc.aio.insecure_channel(one.address) as channel:
        call = channel.stream_stream("/tieback.v1.EncoderService/EncodeStream", None, None)(None)
        await call.write(b"\xff\xff\xff")

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()

        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_the_cache_policy_reaches_the_encoder() -> None:
    async with served() as one, stream(one) as call:
        await call.write(batch(1, "a", cache=encoder_pb2.CACHE_POLICY_BYPASS))
        await call.write(batch(2, "a", cache=77))
        answers = {response.id: response for response in await read(call, 2)}

        assert one.encoder.caches == [CachePolicy.BYPASS]
        assert Failure(answers[2].error).field == "request.cache"


async def test_the_client_goes_on_at_the_server_that_takes_over() -> None:
    async with served(stream_items=64) as one:
        port = int(one.address.rpartition(":")[2])
        drained = asyncio.Event()

        async def texts() -> AsyncIterator[str]:
            for number in range(400):
                if number == 200:
                    one.servicer.drain()
                    drained.set()
                    await one.server.drain(0.5)
                yield "x" * (1 + number % 7)

        async def take_over() -> None:
            await until(lambda: drained.is_set())
            await asyncio.sleep(1)
            await again.start("127.0.0.1", port)

        settings = Settings(models=Path("unused"), store=Path("unused"))
        again = GrpcServer(settings, Telemetry(settings))
        lengths: Any = Lengths()
        again.add(encoder_servicer(lengths))
        starting = asyncio.create_task(take_over())
        async with AsyncClient(f"127.0.0.1:{port}") as client:
            whole = await client.encode_stream(texts(), space=SPACE.name, batch=1).collect()

            assert [one.token_count for one in whole] == [1 + number % 7 for number in range(400)]
            assert client.retries >= 1
        await starting
        await again.drain(0)


async def test_more_and_larger_answers_than_either_side_holds_do_not_stop_a_stream() -> None:
    async with served(stream_items=4) as one, AsyncClient(one.address) as client:
        texts = ["x" * 50_000] * 64

        async with asyncio.timeout(20):
            whole = await client.encode_stream(texts, space=SPACE.name, batch=4, in_flight=16).collect()

        assert whole.vectors.shape == (64, 50_000)


async def test_a_stream_is_accepted_before_it_is_answered() -> None:
    async with served() as one, stream(one, metadata=(("x-request-id", "mine"),)) as call:
        accepted = await asyncio.wait_for(call.initial_metadata(), 5)

        assert dict(accepted)["x-request-id"] == "mine"
