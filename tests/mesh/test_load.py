"""Which replica is asked, by what the replicas say of their load, and what is refused before any is asked."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import grpc
import pytest
from prometheus_client import CollectorRegistry
from support.counting_encoder import CountingServer, counting_server
from support.small_server import small_server
from tieback.core.call import IN_BULK, in_bulk
from tieback.core.errors import Overloaded, RateExceeded
from tieback.core.types.load import Load
from tieback.serving.mesh import Mesh
from tieback.serving.mesh.directory import Directory
from tieback.serving.mesh.peers import KEY, Peer, least_loaded, read_load, write_load
from tieback.serving.requests import context
from tieback.serving.requests.contract import METHODS
from tieback.v1 import content_pb2, encoder_pb2, router_pb2, router_pb2_grpc

ENCODE = METHODS["/tieback.v1.EncoderService/Encode"]
TARGET = "encoder:tiny"


@pytest.fixture
async def peers() -> AsyncIterator[list[Peer]]:
    made = [Peer(grpc.aio.insecure_channel("127.0.0.1:1")) for _ in range(3)]
    yield made
    for peer in made:
        await peer.channel.close(None)


def says(peer: Peer, queued: int, rate: float) -> None:
    assert peer.observe([write_load(Load(queued_tokens=queued, tokens_per_second=rate))])


def test_what_is_written_of_a_load_is_read_again() -> None:
    load = Load(queued_tokens=1200, tokens_per_second=15_000.5, known_share=0.25)
    metadata = [("x-request-id", "a"), write_load(load)]

    assert read_load(metadata) == (1200, 15_000.5, 0.25)
    assert read_load([("x-request-id", "a")]) is None
    assert read_load(None) is None


async def test_while_a_replica_has_not_said_its_rate_the_fewest_calls_outstanding_decide(
    peers: list[Peer],
) -> None:
    one, two, three = peers
    says(one, 0, 10_000)
    one.begin(10)
    three.begin(10)

    assert least_loaded(peers, 10) is two


async def test_the_shortest_wait_decides_not_the_shortest_queue(peers: list[Peer]) -> None:
    slow, fast, full = peers
    says(slow, 1_000, 100)
    says(fast, 5_000, 100_000)
    says(full, 90_000, 100_000)

    assert least_loaded(peers, 10) is fast


async def test_what_was_asked_since_a_replica_was_heard_of_counts_as_waiting(peers: list[Peer]) -> None:
    one, two, _ = peers
    says(one, 100, 1_000)
    says(two, 500, 1_000)

    assert least_loaded([one, two], 10) is one
    one.begin(1_000)
    one.end(1_000)  # given up by the caller; the replica has not said that it is gone
    assert least_loaded([one, two], 10) is two


async def test_a_reported_queue_is_expected_to_shrink_with_time(peers: list[Peer]) -> None:
    one, two, _ = peers
    says(one, 100, 2_000)
    says(two, 0, 2_000)
    two.begin(20)

    assert least_loaded([one, two], 10) is two
    await asyncio.sleep(0.1)
    assert least_loaded([one, two], 10) is one


async def test_a_replica_that_was_full_is_not_asked_for_as_much_again_at_once(peers: list[Peer]) -> None:
    full, other, _ = peers
    for peer in (full, other):
        says(peer, 100_000, 10_000)
    other.begin(50_000)
    full.refuse(500)

    assert least_loaded([full, other], 500) is other
    assert least_loaded([full, other], 499) is full
    with pytest.raises(Overloaded) as caught:
        least_loaded([full], 500)
    assert 9 < caught.value.retry_after < 15


@asynccontextmanager
async def mesh(*servers: CountingServer) -> AsyncIterator[Mesh]:
    directory = Directory()
    directory.update(TARGET, {str(number): {"address": one.address} for number, one in enumerate(servers)})
    made = Mesh(directory, registry=CollectorRegistry())
    try:
        yield made
    finally:
        await made.close()


async def ask(made: Mesh, text: str = "a") -> None:
    request = encoder_pb2.EncodeRequest(space="tiny", contents=[content_pb2.Content(text=text)])
    await made.unary(TARGET, ENCODE, request.SerializeToString())


async def test_calls_go_where_the_least_work_waits() -> None:
    async with counting_server() as one, counting_server() as two, mesh(one, two) as made:
        one.encoder.load = Load(queued_tokens=100_000, tokens_per_second=1_000)
        two.encoder.load = Load(queued_tokens=10, tokens_per_second=1_000)
        while not all(peer.rate for peer in made.peers(TARGET)):
            await ask(made, "first")
        heard = len(one.encoder.calls)
        for _ in range(10):
            await ask(made)

        assert len(one.encoder.calls) == heard
        assert len(two.encoder.calls) >= 10


async def test_where_all_are_full_a_call_is_refused_without_asking_them_and_asked_again_later() -> None:
    async with counting_server() as server, mesh(server) as made:
        server.encoder.load = Load(queued_tokens=10_000, tokens_per_second=1_000)
        server.encoder.failure = Overloaded("too much waits", retry_after=10.0)
        with pytest.raises(grpc.aio.AioRpcError):
            await ask(made)
        with pytest.raises(Overloaded, match="10000 tokens are waiting"):
            await ask(made)
        assert len(server.encoder.calls) == 1

        server.encoder.failure = None
        await asyncio.sleep(0.25)  # more than the fiftieth part of ten seconds
        await ask(made)
        assert len(server.encoder.calls) == 2


async def test_a_replica_that_one_tenant_may_not_ask_now_is_not_full_for_others() -> None:
    async with counting_server() as server, mesh(server) as made:
        server.encoder.load = Load(queued_tokens=10_000, tokens_per_second=1_000)
        server.encoder.failure = RateExceeded("too many tokens a second", retry_after=10.0)
        with pytest.raises(grpc.aio.AioRpcError):
            await ask(made)

        server.encoder.failure = None
        await ask(made)


async def test_a_server_that_was_not_told_to_says_nothing_of_its_load() -> None:
    async with small_server() as server, grpc.aio.insecure_channel(server.address) as channel:
        call = router_pb2_grpc.RouterServiceStub(channel).Fuse(router_pb2.FuseRequest())
        trailing = dict(await call.trailing_metadata())

        assert KEY not in trailing
        assert "x-request-id" in trailing


async def test_a_replica_that_has_no_room_for_bulk_work_is_asked_for_other_work(peers: list[Peer]) -> None:
    one = peers[0]
    says(one, 1_000, 1_000)

    with in_bulk():
        one.refuse(10)
        refused = one.refuses(50, time.monotonic())
        passed_on = context.outgoing()

    assert refused
    assert not one.refuses(50, time.monotonic())
    assert contextvars.copy_context().run(_entered_in_bulk, passed_on)
    assert not contextvars.copy_context().run(_entered_in_bulk, context.outgoing())


def _entered_in_bulk(metadata: Sequence[tuple[str, str]]) -> bool:
    context.enter(metadata)
    return IN_BULK.get()
