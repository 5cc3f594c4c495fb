"""The mesh against real small servers: what happens when replicas come, go and fail to answer."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from prometheus_client import CollectorRegistry
from support.local_platform import Running
from support.requests import searched
from support.sections import item, section, vector
from support.small_server import SmallServer, fuse_request, small_server
from tieback.core.call import NO_CALL
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, NotFound
from tieback.core.types.encoding import EncodeRequest
from tieback.core.types.fusion import FuseRequest
from tieback.core.types.generation import GenerateRequest
from tieback.serving.mesh import Mesh
from tieback.serving.mesh import directory as targets
from tieback.serving.mesh.directory import Directory
from tieback.serving.mesh.remote import RemoteEncoder
from tieback.serving.mesh.remote_index import remote_index
from tieback.serving.mesh.remote_port import remote
from tieback.serving.requests import rpcs
from tieback.serving.requests.contract import METHODS, SERVICES
from tieback.v1 import generator_pb2, router_pb2
from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef

FUSE = METHODS["/tieback.v1.RouterService/Fuse"]
GENERATE = METHODS["/tieback.v1.GeneratorService/Generate"]
REQUESTS = "tieback_requests_total"
NOBODY = "127.0.0.1:1"  # refuses connections


@asynccontextmanager
async def mesh(**deployments: list[str]) -> AsyncIterator[tuple[Mesh, Directory]]:
    directory = Directory()
    made = Mesh(directory, registry=CollectorRegistry())
    for name, addresses in deployments.items():
        place(directory, name, addresses)
    try:
        yield made, directory
    finally:
        await made.close()


def place(directory: Directory, name: str, addresses: list[str]) -> None:
    directory.update(name, {str(number): {"address": address} for number, address in enumerate(addresses)})


def served(server: SmallServer, method: str = "Fuse") -> float:
    service = "RouterService" if method == "Fuse" else "GeneratorService"
    return server.value(REQUESTS, service=service, method=method, code="OK")


async def fuse(made: Mesh, seconds: float | None = 5.0) -> router_pb2.FuseResponse:
    data = await made.unary(
        "router", FUSE, fuse_request().SerializeToString(), deadline=Deadline.after(seconds)
    )
    return router_pb2.FuseResponse.FromString(data)


async def test_calls_spread_over_the_replicas_that_are_there() -> None:
    async with (
        small_server() as one,
        small_server() as two,
        mesh(router=[one.address, two.address]) as (made, _),
    ):
        await asyncio.gather(*(fuse(made) for _ in range(20)))

        assert served(one) + served(two) == 20
        assert min(served(one), served(two)) >= 5


async def test_a_replica_that_cannot_be_reached_is_left_out_and_the_call_goes_to_another() -> None:
    async with small_server() as one, mesh(router=[NOBODY, one.address]) as (made, _):
        for _ in range(10):
            assert len((await fuse(made)).results) == 1

        assert served(one) == 10


async def test_a_call_waits_for_a_replica_that_is_being_replaced() -> None:
    async with small_server() as one, mesh(router=[NOBODY]) as (made, directory):
        waiting = asyncio.create_task(fuse(made))
        await asyncio.sleep(0.3)
        place(directory, "router", [])
        await asyncio.sleep(0.3)
        assert not waiting.done()
        place(directory, "router", [one.address])

        assert len((await waiting).results) == 1


async def test_a_call_waits_no_longer_than_its_deadline() -> None:
    async with mesh(router=[]) as (made, _):
        begin = time.monotonic()

        with pytest.raises(DeadlineExceeded, match="no replica of router"):
            await fuse(made, 0.2)
        assert time.monotonic() - begin < 1


async def test_work_that_cannot_finish_is_not_started() -> None:
    async with small_server() as one, mesh(router=[one.address]) as (made, _):
        with pytest.raises(DeadlineExceeded):
            await fuse(made, 0.001)

        assert served(one) == 0


async def test_an_error_of_the_service_is_not_tried_again_elsewhere() -> None:
    async with (
        small_server() as one,
        small_server() as two,
        mesh(router=[one.address, two.address]) as (made, _),
    ):
        with pytest.raises(InvalidInput) as caught:
            router = remote(made, rpcs.ROUTER, targets.ROUTER)
            await router.fuse(FuseRequest([]), NO_CALL)

        assert str(caught.value.field) == "inputs"
        method = {"service": "RouterService", "method": "Fuse", "code": "INVALID_ARGUMENT"}
        for _ in range(500):  # a call is counted after its answer
            if any(counts := [one.value(REQUESTS, **method), two.value(REQUESTS, **method)]):
                break
            await asyncio.sleep(0.01)
        assert sorted(counts) == [0, 1]


async def test_a_stream_that_has_begun_is_not_begun_again() -> None:
    async with (
        small_server() as one,
        small_server() as two,
        mesh(generator=[one.address, two.address]) as (made, _),
    ):
        request = generator_pb2.GenerateRequest(prompt="ab").SerializeToString()
        received = 0

        with pytest.raises(grpc.aio.AioRpcError):
            async for _message in made.stream("generator", GENERATE, request):
                received += 1
        assert received == 2


async def test_a_stream_that_has_not_begun_goes_to_another_replica() -> None:
    async with small_server() as one, mesh(generator=[NOBODY, one.address]) as (made, _):
        for _ in range(5):
            generator = remote(made, rpcs.GENERATOR, targets.GENERATOR)
            events: Any = generator.generate(GenerateRequest("a"), NO_CALL)
            assert (await anext(events)).text == "a"
            await events.aclose()


async def test_leaving_a_stream_cancels_it_at_the_replica() -> None:
    async with small_server() as one, mesh(generator=[one.address]) as (made, _):
        generator = remote(made, rpcs.GENERATOR, targets.GENERATOR)
        events: Any = generator.generate(GenerateRequest("a" * 100_000), NO_CALL)
        await anext(events)
        await events.aclose()

        for _ in range(100):
            if not one.value("tieback_in_flight", service="GeneratorService", method="Generate"):
                break
            await asyncio.sleep(0.02)
        assert one.value(REQUESTS, service="GeneratorService", method="Generate", code="CANCELLED") == 1


async def test_an_unknown_space_is_refused_with_the_choices_before_anybody_is_asked() -> None:
    async with mesh() as (made, _):
        with pytest.raises(NotFound, match="the choices are: tiny"):
            await RemoteEncoder(made, ["tiny"]).encode(EncodeRequest("small", []), NO_CALL)


async def test_the_retries_are_counted() -> None:
    registry = CollectorRegistry()
    directory = Directory()
    async with small_server() as one:
        made = Mesh(directory, registry=registry)
        place(directory, "router", [NOBODY])
        waiting = asyncio.create_task(fuse(made))
        await asyncio.sleep(0.2)
        place(directory, "router", [one.address])
        await waiting
        await made.close()

    assert (registry.get_sample_value("tieback_hop_retries_total", {"target": "router"}) or 0) >= 1


async def test_the_index_of_another_process_ignores_the_same_dimensions(local_platform: Running) -> None:
    ref = SpaceRef("ignoring", "r1", "f1")
    async with mesh(index=[local_platform.address]) as (made, _):
        index = remote_index(made, 2**20)
        await index.create_collection("ignoring", ref, 4)
        text = section(vector(0.9, 0, 0.1, 0, space=ref), "text")
        photo = section(vector(0.5, 0, 0, 0, space=ref), modality=Modality.IMAGE)
        await index.upsert("ignoring", [item("text", text), item("photo", photo)])

        query, ignored = vector(1, 0, 1, 0, space=ref), [IgnoredDimensions(Modality.TEXT, 0, 2)]
        whole = await searched(index, "ignoring", vector=query)
        less = await searched(index, "ignoring", vector=query, ignored=ignored)

    assert [(hit.item_id, round(hit.score, 3)) for hit in whole.hits] == [("text", 1), ("photo", 0.5)]
    assert [(hit.item_id, round(hit.score, 3)) for hit in less.hits] == [("photo", 0.5), ("text", 0.1)]


def test_the_contract_knows_every_service_and_what_may_be_repeated() -> None:
    protos = Path(__file__).parents[2] / "protos" / "tieback" / "v1"
    declared = [
        f"tieback.v1.{name}"
        for path in protos.glob("*.proto")
        for name in re.findall(r"^service (\w+)", path.read_text(), re.MULTILINE)
    ]

    assert set(SERVICES) == {*declared, "google.longrunning.Operations"}
    assert METHODS["/tieback.v1.IndexService/UpsertItems"].request_streaming
    assert [name for name, method in METHODS.items() if not method.idempotent] == []
