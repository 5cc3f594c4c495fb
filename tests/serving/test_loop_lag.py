"""How late the event loop is, in the metrics of every server."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.processes.server import GrpcServer, LoopLag
from tieback.serving.settings import Settings


async def test_what_holds_the_loop_is_seen() -> None:
    lags: list[float] = []
    lag = LoopLag(lags.append, interval=0.01)
    lag.start()
    await asyncio.sleep(0.03)

    time.sleep(0.2)  # noqa: ASYNC251 - the fault that is to be seen
    await asyncio.sleep(0.03)
    lag.stop()

    assert 0.15 < max(lags) < 1.0
    assert sorted(lags)[0] < 0.1


async def test_every_server_measures_its_loop_until_it_is_drained(tmp_path: Path) -> None:
    settings = Settings(models=tmp_path, store=tmp_path, drain_seconds=0.0)
    telemetry = Telemetry(settings)
    server = GrpcServer(settings, telemetry)

    def measured() -> float:
        return telemetry.registry.get_sample_value("tieback_event_loop_lag_seconds_count") or 0.0

    await server.start("127.0.0.1", 0)
    async with asyncio.timeout(10):
        while measured() < 2:  # noqa: ASYNC110 - a metric is watched, which has no event
            await asyncio.sleep(0.01)
    await server.drain()

    found = measured()
    await asyncio.sleep(0.15)
    assert measured() == found
