"""What is refused in an overload is refused for next to nothing, and nothing else is."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from support.bag_of_words import BagOfWords, card, dense
from support.statuses import trailing
from tieback.core.call import NO_CALL
from tieback.core.deadline import NO_DEADLINE
from tieback.core.errors import Overloaded
from tieback.core.tenant import TENANT
from tieback.core.types.content import Content
from tieback.core.types.encoding import CachePolicy, EncodeRequest
from tieback.encoder import Encoder
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.processes.server import GrpcServer
from tieback.serving.requests.failures import DETAILS_KEY
from tieback.serving.requests.rejection import COUNTED_SECONDS, METHOD, SPACE_KEY, at_begin
from tieback.serving.servicers.encoder import encoder_servicer
from tieback.serving.settings import Settings
from tieback.v1 import content_pb2, encoder_pb2
from tieback_client import AsyncClient, TiebackError
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

SPACE = "bag-of-words"
NAMED = ((SPACE_KEY, SPACE), ("x-request-id", "mine"))
ROOM = 20  # tokens that may wait


@dataclass
class Full:
    """A server whose model holds still while as much waits as may."""

    encoder: Encoder
    model: BagOfWords
    channel: grpc.aio.Channel
    address: str
    telemetry: Telemetry
    waiting: list[asyncio.Task[Any]] = field(default_factory=list)

    async def fill(self) -> None:
        self.ask("one runs")
        while not self.model.running.is_set():  # noqa: ASYNC110 - set in another thread
            await asyncio.sleep(0.001)
        while self.encoder.load(SPACE).queued_tokens < ROOM:
            self.ask(f"four of them {len(self.waiting)}")
            await asyncio.sleep(0.002)
        assert await self.refused(request("once more")) == "OVERLOADED"

    def ask(self, text: str) -> None:
        task = asyncio.create_task(
            self.encoder.encode(
                EncodeRequest(SPACE, [Content(Modality.TEXT, text)], cache=CachePolicy.BYPASS), NO_CALL
            )
        )
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        self.waiting.append(task)

    async def refused(self, body: bytes, metadata: Any = None) -> str:
        """The reason for which a call is refused."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.channel.unary_unary(METHOD, None, None)(body, timeout=5, metadata=metadata)
        return reason(trailing(caught.value))

    def value(self, name: str, **labels: str) -> float:
        return self.telemetry.registry.get_sample_value(name, labels) or 0.0


def reason(metadata: dict[str, Any]) -> str:
    info = error_details_pb2.ErrorInfo()
    for detail in status_pb2.Status.FromString(metadata[DETAILS_KEY]).details:
        detail.Unpack(info)
    return str(info.reason)


@asynccontextmanager
async def full(tmp_path: Path) -> AsyncIterator[Full]:
    settings = Settings(models=tmp_path, store=tmp_path, drain_seconds=0)
    telemetry = Telemetry(settings)
    model = BagOfWords(card(tmp_path))
    encoder = Encoder([model], limits=Limits(queued_tokens=ROOM))
    server = GrpcServer(settings, telemetry)
    server.add(encoder_servicer(encoder))
    server.screen(encoder)
    port = await server.start("127.0.0.1", 0)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            with model.paused():
                made = Full(encoder, model, channel, f"127.0.0.1:{port}", telemetry)
                await made.fill()
                yield made
            await asyncio.gather(*made.waiting, return_exceptions=True)
    finally:
        await server.drain(0)
        await encoder.close()


def request(*texts: str, **fields: Any) -> bytes:
    contents = [content_pb2.Content(text=text) for text in texts]
    return encoder_pb2.EncodeRequest(space=SPACE, contents=contents, **fields).SerializeToString()


async def test_a_call_that_names_its_space_is_refused_without_its_request_being_read(tmp_path: Path) -> None:
    async with full(tmp_path) as server:
        call = server.channel.stream_unary(METHOD, None, None)(
            None, timeout=5, metadata=NAMED
        )  # and sends nothing

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call

        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_call_that_names_no_space_is_refused_without_its_request_being_parsed(tmp_path: Path) -> None:
    async with full(tmp_path) as server:
        malformed = encoder_pb2.EncodeRequest(space=SPACE).SerializeToString() + b"\xff"

        assert await server.refused(malformed) == "OVERLOADED"


async def test_a_call_refused_unread_is_told_all_that_any_refused_call_is_and_counted(tmp_path: Path) -> None:
    async with full(tmp_path) as server:
        before = server.encoder.load(SPACE).rejected
        with pytest.raises(grpc.aio.AioRpcError, match="try again in") as caught:
            await server.channel.unary_unary(METHOD, None, None)(request("a"), timeout=5, metadata=NAMED)

        metadata = trailing(caught.value)
        retry = error_details_pb2.RetryInfo()
        details = status_pb2.Status.FromString(metadata[DETAILS_KEY]).details
        assert any(detail.Unpack(retry) for detail in details)
        assert retry.retry_delay.ToNanoseconds() > 0
        assert reason(metadata) == "OVERLOADED"
        assert metadata["x-request-id"] == "mine"
        assert server.encoder.load(SPACE).rejected == before + 1
        await asyncio.sleep(COUNTED_SECONDS + 0.1)
        labels = {"service": "EncoderService", "method": "Encode", "code": "RESOURCE_EXHAUSTED"}
        assert server.value("tieback_requests_total", **labels) == 2
        assert server.value("tieback_rejections_total", service="EncoderService", reason="OVERLOADED") == 2


async def test_as_soon_as_there_is_room_a_call_that_was_to_be_screened_is_answered(tmp_path: Path) -> None:
    async with full(tmp_path) as server:
        server.waiting.pop().cancel()
        await asyncio.sleep(0.01)
        call = server.channel.unary_unary(METHOD, None, None)
        asked = call(request("a b"), timeout=5, metadata=NAMED)
        await asyncio.sleep(0.1)
        server.model._free.set()
        response = encoder_pb2.EncodeResponse.FromString(await asked)

        [result] = response.results
        values = memoryview(result.encoding.dense.values.data).cast("f").tolist()
        assert values == pytest.approx(dense("a b").tolist(), abs=1e-6)


async def test_a_wrong_name_gets_no_call_past_its_own_space(tmp_path: Path) -> None:
    async with full(tmp_path) as server:
        assert await server.refused(request("a"), ((SPACE_KEY, "another"),)) == "OVERLOADED"
        assert await server.refused(b"\xff\xff", ((SPACE_KEY, "another"),)) == "MALFORMED_MESSAGE"


@pytest.mark.parametrize(("space", "named"), [(SPACE, SPACE), ("not in äscii\n", None)])
async def test_the_client_names_the_space(space: str, named: str | None) -> None:
    seen: list[str | None] = []

    class Listening(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # the stubs make it generic, grpc does not
        def service(self, handler_call_details: Any) -> None:
            seen.append(dict(handler_call_details.invocation_metadata).get(SPACE_KEY))

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Listening(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with AsyncClient(f"127.0.0.1:{port}", retry=None) as client:
        with pytest.raises(TiebackError):
            await client.encode("a", space=space)
    await server.stop(None)

    assert seen == [named]


async def test_a_tenant_with_less_than_its_share_is_never_refused_unread(tmp_path: Path) -> None:
    async with full(tmp_path) as server:

        def ask() -> Overloaded | None:
            TENANT.set("other")
            return server.encoder.refusal(SPACE, NO_DEADLINE)

        assert server.encoder.refusal(SPACE, NO_DEADLINE) is not None
        assert contextvars.copy_context().run(ask) is None


async def test_where_much_is_cached_a_call_is_looked_at_for_its_answer_may_cost_nothing(
    tmp_path: Path,
) -> None:
    async with full(tmp_path) as server:
        assert server.encoder.is_pressed(SPACE)
        assert await server.refused(request("a"), NAMED) == "OVERLOADED"
        known = [Content(Modality.TEXT, "seen before")]
        server.model._free.set()
        await asyncio.gather(*server.waiting)
        for _ in range(10):
            await server.encoder.encode(EncodeRequest(SPACE, known), NO_CALL)

        assert server.encoder.load(SPACE).known_share > 0.04
        assert not server.encoder.is_pressed(SPACE)


def test_the_space_is_read_at_the_begin_of_a_request_and_nowhere_else() -> None:
    empty = b"\x12\x00"  # a content that says nothing

    assert at_begin(request("a")) == SPACE
    assert at_begin(empty * 3 + request("a")) == ""
    assert at_begin(b"") == at_begin(b"\x0a") == at_begin(b"\x0a\x02\xff\xfe") == at_begin(b"\xff" * 12) == ""
