"""The store passes from a replica to its successor, which has started beside it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry
from support.own_encoder import Silent
from support.small_spaces import write_words
from tieback.core.deadline import Deadline
from tieback.core.errors import StartupError
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.serving.mesh import Mesh
from tieback.serving.mesh.directory import INDEX, OPERATIONS, Directory
from tieback.serving.processes import replica
from tieback.serving.processes.replica import ServiceProcess
from tieback.serving.requests.contract import ContractMethod
from tieback.serving.settings import Settings

HOST, KEY = "127.0.0.1", b"of the cluster"
CHECK = ContractMethod(
    "/grpc.health.v1.Health/Check", "Health", False, False, False,
    health_pb2.HealthCheckRequest.DESCRIPTOR, health_pb2.HealthCheckResponse.DESCRIPTOR,
)  # fmt: skip
NOWHERE = "http://127.0.0.1:1"
"""A Milvus that is away, without which operations start."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("handover")
    (folder / "cards").mkdir()
    draw = np.random.default_rng(3)
    space = write_words(folder / "cards", "words", {word: draw.normal(size=8) for word in ("tide", "rope")})
    pull([space], [space], Store(folder / "models"), Silent())
    return folder


def settings(folder: Path, milvus: str) -> Settings:
    return Settings(
        models=folder / "models", store=folder / f"store-{bool(milvus)}", cards=folder / "cards",
        spaces=("words",), binding="none", rerankers=("none",), generator="none", milvus=milvus,
        drain_seconds=1,
    )  # fmt: skip


async def is_serving(process: dict[str, str]) -> bool:
    async with grpc.aio.insecure_channel(process["address"]) as channel:
        try:
            said = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        except grpc.aio.AioRpcError:
            return False
    return bool(said.status == health_pb2.HealthCheckResponse.SERVING)


@pytest.mark.parametrize(("target", "milvus"), [(OPERATIONS, NOWHERE), (INDEX, "")])
async def test_a_successor_starts_beside_the_replica_that_has_the_store_and_serves_when_it_ends(
    folder: Path, target: str, milvus: str
) -> None:
    made = settings(folder, milvus)
    before, after = (ServiceProcess(made, target, KEY) for _ in range(2))
    first = await before.start(HOST)

    second = await after.start(HOST)

    assert await is_serving(first)
    assert not await is_serving(second)
    directory = Directory()
    mesh = Mesh(directory, registry=CollectorRegistry())
    directory.update(target, {"a": first, "b": second})
    for _ in range(3):  # a call that cannot be repeated
        assert await mesh.unary(target, CHECK, b"", deadline=Deadline.after(5.0))
    await mesh.close()
    after.check()
    await before.stop()
    ended = time.monotonic()
    while not await is_serving(second):
        assert time.monotonic() - ended < 5
        await asyncio.sleep(0.05)
    after.check()
    await after.stop()


async def test_a_store_of_another_cluster_stops_the_start(folder: Path) -> None:
    made = settings(folder, NOWHERE)
    before, stranger = ServiceProcess(made, OPERATIONS, KEY), ServiceProcess(made, OPERATIONS, b"another")
    await before.start(HOST)

    with pytest.raises(StartupError, match="in use by another server"):
        await stranger.start(HOST)

    for one in (stranger, before):
        await one.stop()


async def test_a_store_that_is_not_handed_over_makes_the_replica_unhealthy(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "_PATIENCE", -0.5)
    made = settings(folder, NOWHERE)
    before, after = (ServiceProcess(made, OPERATIONS, KEY) for _ in range(2))
    await before.start(HOST)
    await after.start(HOST)

    await asyncio.sleep(1.5)

    with pytest.raises(StartupError, match="in use by another server"):
        after.check()
    for one in (after, before):
        await one.stop()


async def test_a_successor_that_is_not_wanted_any_more_ends_while_it_waits(folder: Path) -> None:
    made = settings(folder, NOWHERE)
    before, after = (ServiceProcess(made, OPERATIONS, KEY) for _ in range(2))
    await before.start(HOST)
    await after.start(HOST)

    await asyncio.wait_for(after.stop(), 5)
    await before.stop()
