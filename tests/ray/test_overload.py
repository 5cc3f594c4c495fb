"""In an overload of the platform on Ray Serve, the gateway refuses."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from support.running_platform import Platform
from tieback.serving.requests.rejection import COUNTED_SECONDS
from tieback_client import AsyncClient, DeadlineExceeded, Overloaded

pytestmark = pytest.mark.ray
SPACE = "all-minilm-l6-v2"
CALLERS, SECONDS, PAUSE = 48, 3.0, 0.05
TEXT = "The gravity of the moon pulls the sea, and so the water rises and falls twice a day. " * 4

MOST_AT_A_REPLICA = 0.97
"""Share of the refused calls that may reach a replica where other tests run beside it: without refusals at
the gateway it is exactly 1, and beside two other test processes up to 0.93 was seen. With this test alone on
two busy cores it was 0.11 to 0.25, and with the commit of a day before 0.10 to 0.31."""

ROUNDS = 3
"""Tries, since a machine that is busy with other tests reports its load late. Without refusals at the gateway
all of them fail."""


def refused(platform: Platform, deployment: str) -> float:
    labels = {"service": "EncoderService", "method": "Encode", "code": "RESOURCE_EXHAUSTED"}
    return platform.value("tieback_requests_total", deployment=deployment, **labels)


async def test_calls_are_refused_before_they_reach_a_replica_and_the_others_are_answered(
    platform: Platform,
) -> None:
    shares = []
    for _ in range(ROUNDS):
        at_gateway, at_replica, outcomes = await overloaded(platform)

        assert outcomes["refused"] > 100, outcomes  # there was an overload
        assert outcomes["told when to return"] == outcomes["refused"]
        assert outcomes["answered"] > 0, outcomes
        assert at_gateway >= outcomes["refused"]
        shares.append(at_replica / at_gateway)
        if shares[-1] < MOST_AT_A_REPLICA:
            break
    assert min(shares) < MOST_AT_A_REPLICA, shares


async def overloaded(platform: Platform) -> tuple[float, float, Counter[str]]:
    """Refusals that gateway and replica counted in an overload, and what the callers saw."""
    deployments = ("gateway", f"encoder:{SPACE}")
    before = [refused(platform, name) for name in deployments]
    outcomes: Counter[str] = Counter()

    async def caller(client: AsyncClient, number: int) -> None:
        end = asyncio.get_running_loop().time() + SECONDS
        while asyncio.get_running_loop().time() < end:
            try:
                await client.encode(f"{number} {TEXT}", space=SPACE, cache="bypass", timeout=0.5)
            except Overloaded as error:
                outcomes["refused"] += 1
                outcomes["told when to return"] += error.retry_delay is not None
                await asyncio.sleep(PAUSE)  # not as long as it was told
            except DeadlineExceeded:
                outcomes["late"] += 1
            else:
                outcomes["answered"] += 1

    async with AsyncClient(platform.address, retry=None) as client:
        await asyncio.gather(*(caller(client, number) for number in range(CALLERS)))
    await asyncio.sleep(2 * COUNTED_SECONDS)
    at_gateway, at_replica = (
        refused(platform, name) - then for name, then in zip(deployments, before, strict=True)
    )
    return at_gateway, at_replica, outcomes
