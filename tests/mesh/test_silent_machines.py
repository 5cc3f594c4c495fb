"""A machine that is not heard of any more, while its connections stay: as behind a cut cable."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry
from support.small_server import fuse_request, small_server
from tieback.core.deadline import Deadline
from tieback.serving.mesh import Mesh
from tieback.serving.mesh.directory import Directory
from tieback.serving.requests.contract import METHODS
from tieback_client import Client, Unavailable

FUSE = METHODS["/tieback.v1.RouterService/Fuse"]
SERVE = """
import asyncio
from support.small_server import small_server

async def serve():
    async with small_server() as server:
        print(server.address, flush=True)
        await asyncio.Event().wait()

asyncio.run(serve())
"""


@pytest.fixture
def other() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server in a process of its own: its address and its process."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.wait(10)


async def test_calls_on_a_silent_replica_are_asked_of_another_long_before_their_deadline(
    other: tuple[str, subprocess.Popen[str]],
) -> None:
    address, process = other
    directory = Directory()
    made = Mesh(directory, registry=CollectorRegistry())
    request = fuse_request().SerializeToString()

    async with small_server() as there:
        directory.update("router", {"a": {"address": address}, "b": {"address": there.address}})

        async def ask(count: int) -> None:
            deadline = Deadline.after(60.0)
            await asyncio.gather(
                *(made.unary("router", FUSE, request, deadline=deadline) for _ in range(count))
            )

        await ask(20)
        known = there.value("tieback_requests_total", service="RouterService", method="Fuse", code="OK")
        process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        await ask(20)
        silence = time.monotonic() - began
        began = time.monotonic()
        await ask(20)
        after = time.monotonic() - began

    await made.close()
    assert 0 < known < 20  # both were asked
    assert silence < 20
    assert after < 5


def test_the_sdk_takes_a_silent_server_as_gone_long_before_the_deadline(
    other: tuple[str, subprocess.Popen[str]],
) -> None:
    address, process = other
    with Client(address, retry=None) as client:
        client.health(timeout=60.0)
        process.send_signal(signal.SIGSTOP)
        began = time.monotonic()

        with pytest.raises(Unavailable):
            client.health(timeout=60.0)

    assert time.monotonic() - began < 15
