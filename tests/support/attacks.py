"""Attackers in processes of their own, and what a server in this process feels of them."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


@dataclass
class Felt:
    """What was measured while an attack went on: bytes of growth, seconds of each health check."""

    growth: int = 0
    checks: list[float] = field(default_factory=list)


@asynccontextmanager
async def watched(address: str) -> AsyncIterator[Felt]:
    """Samples this process's memory, and checks its server's health on a connection of its own."""
    felt = Felt()
    before = resident()
    async with grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        await stub.Check(health_pb2.HealthCheckRequest())

        async def sample() -> None:
            while True:
                begin = time.perf_counter()
                await stub.Check(health_pb2.HealthCheckRequest(), timeout=30)
                felt.checks.append(time.perf_counter() - begin)
                felt.growth = max(felt.growth, resident() - before)
                await asyncio.sleep(0.002)

        sampling = asyncio.create_task(sample())
        try:
            yield felt
        finally:
            sampling.cancel()


async def attack(script: str, *arguments: str) -> str:
    """Runs a Python script in a process of its own; what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, *arguments, stdout=asyncio.subprocess.PIPE, env=os.environ
    )
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0
    return output.decode()
