"""In an overload, the gateway refuses what no replica has time for, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from prometheus_client import CollectorRegistry
from support.counting_encoder import CountingServer, counting_server
from tieback.admission import PRESSED_SECONDS
from tieback.core.call import begun
from tieback.core.errors import Overloaded
from tieback.core.tenant import TENANT
from tieback.core.types.load import Load
from tieback.serving.mesh import Mesh
from tieback.serving.mesh.byte_proxy import ByteProxy
from tieback.serving.mesh.coalescing import Coalescer
from tieback.serving.mesh.directory import Directory
from tieback.serving.mesh.peers import Peer
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.processes.server import GrpcServer
from tieback.serving.requests.context import BEGUN_KEY, outgoing
from tieback.serving.requests.failures import DETAILS_KEY
from tieback.serving.requests.rejection import METHOD, SPACE_KEY
from tieback.serving.settings import Settings
from tieback.v1 import content_pb2, encoder_pb2

SERVICE = "tieback.v1.EncoderService"
NAMED = ((SPACE_KEY, "tiny"),)
ONE = encoder_pb2.EncodeRequest(
    space="tiny", contents=[content_pb2.Content(text="one text")]
).SerializeToString()


@dataclass
class Door:
    """A gateway before one replica."""

    channel: grpc.aio.Channel
    replica: CountingServer

    def is_full(self, queued: int = 10_000, rate: float = 100.0, known_share: float = 0.0) -> None:
        """From now on, with so many tokens waiting at the replica, and so many done a second."""
        self.replica.encoder.load = Load(
            queued_tokens=queued, tokens_per_second=rate, known_share=known_share
        )
        self.replica.encoder.failure = Overloaded("too much waits", retry_after=10.0)

    async def ask(self, body: bytes = ONE, *, timeout: float = 5.0, metadata: Any = NAMED) -> Any:
        """The trailing metadata of a refused call; nothing of an answered one."""
        try:
            await self.channel.unary_unary(METHOD, None, None)(body, timeout=timeout, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise
            trailing: Any = error.trailing_metadata()
            return dict(trailing)
        return None

    @property
    def hops(self) -> int:
        return len(self.replica.encoder.calls)


@asynccontextmanager
async def door() -> AsyncIterator[Door]:
    settings = Settings(models=Path("unused"), store=Path("unused"), drain_seconds=0)
    directory = Directory()
    mesh = Mesh(directory, registry=CollectorRegistry())
    proxy = ByteProxy(mesh, {SERVICE: "encoder"}, ["tiny"], coalescer=Coalescer(mesh))
    gateway = GrpcServer(settings, Telemetry(settings))
    gateway.add_generic([SERVICE], proxy)
    gateway.screen(proxy)
    async with counting_server() as replica:
        directory.update("encoder:tiny", {"1": {"address": replica.address}})
        port = await gateway.start("127.0.0.1", 0)
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield Door(channel, replica)
        finally:
            await gateway.drain(0)
            await mesh.close()


@pytest.mark.parametrize("metadata", [NAMED, None], ids=["named", "not named"])
async def test_while_a_replica_is_full_the_next_calls_are_refused_without_a_hop(metadata: Any) -> None:
    async with door() as made:
        made.is_full()
        await made.ask()
        refused = [await made.ask(metadata=metadata) for _ in range(3)]

        assert made.hops == 1
        retry = error_details_pb2.RetryInfo()
        for trailing in refused:
            status = status_pb2.Status.FromString(trailing[DETAILS_KEY])
            assert any(detail.Unpack(retry) for detail in status.details)
            assert retry.retry_delay.ToNanoseconds() > 0
            assert trailing["x-request-id"]


async def test_of_a_crowd_no_more_hops_are_made_than_the_replica_could_have_answered_since() -> None:
    async with door() as made:
        made.is_full(rate=10_000)
        await made.ask()
        begun = asyncio.get_running_loop().time()
        calls = 0
        while asyncio.get_running_loop().time() < begun + 0.2:
            await asyncio.gather(*(made.ask() for _ in range(10)))
            calls += 10

        # A hop is refused again, and holds at least what is assumed of a request that was not looked at.
        assert made.hops - 1 <= 0.2 * 10_000 / 64 + 1
        assert calls > 2 * made.hops


async def test_a_call_with_more_time_left_is_passed_on() -> None:
    async with door() as made:
        made.is_full()
        await made.ask(timeout=1.0)
        await made.ask(timeout=1.0)
        assert made.hops == 1

        await made.ask(timeout=3.0)
        assert made.hops == 2


async def test_a_call_is_passed_on_when_the_replica_was_not_full_for_a_while() -> None:
    async with door() as made:
        made.is_full()
        await made.ask()
        made.replica.encoder.failure = None
        await asyncio.sleep(PRESSED_SECONDS + 0.01)

        assert await made.ask() is None


async def test_where_the_replica_has_much_cached_calls_are_soon_passed_on_again() -> None:
    async with door() as made:
        made.is_full(queued=1_000, rate=10_000, known_share=0.5)
        await made.ask()
        await asyncio.sleep(0.01)
        await made.ask()

        assert made.hops == 2


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        made = Peer(channel)
        made.queued, made.rate = 10_000, 1_000
        yield made


async def test_what_one_tenant_is_refused_is_no_reason_to_refuse_another(peer: Peer) -> None:
    peer.refuse(10)
    now = asyncio.get_running_loop().time()

    assert peer.refuses(10, now)
    TENANT.set("another")
    assert not peer.refuses(10, now)


async def test_as_much_is_passed_on_as_the_replica_got_through_since_it_was_full(peer: Peer) -> None:
    loop = asyncio.get_running_loop()
    peer.refuse(10)
    begun = loop.time()
    await asyncio.sleep(0.1)
    passed = 0
    while not peer.refuses(10, loop.time()):
        peer.begin(10)
        passed += 10

    assert passed == pytest.approx(1_000 * (loop.time() - begun), abs=15)


async def test_a_part_of_work_that_was_begun_is_passed_on(peer: Peer) -> None:
    peer.refuse(10)
    now = asyncio.get_running_loop().time()

    with begun():
        assert not peer.refuses(10, now)
        assert (BEGUN_KEY, "1") in outgoing()
    assert peer.refuses(10, now)
    assert not outgoing()
