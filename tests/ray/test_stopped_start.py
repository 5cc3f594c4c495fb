"""SIGTERM while Ray starts, which has a handler of its own then."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest
from support.running_platform import Platform, wait_for

pytestmark = pytest.mark.ray


@pytest.mark.parametrize("begun", ["gcs_server", "raylet", "RuntimeEnvAgent"])
def test_sigterm_while_ray_starts_ends_it_in_order(tmp_path: Path, begun: str) -> None:
    platform = Platform(tmp_path, "--spaces", "wordllama-256", "--generator", "none")
    try:
        wait_for(lambda: [one for one in _processes(platform) if begun in one.name()], 60)
        started = _processes(platform)

        platform.process.send_signal(signal.SIGTERM)

        assert platform.process.wait(60) == 0
        wait_for(lambda: "stopped" in [event["event"] for event in platform.events])
        _, alive = psutil.wait_procs(started, timeout=30)
        assert not alive
    finally:
        platform.kill()


def _processes(platform: Platform) -> list[psutil.Process]:
    found: list[psutil.Process] = psutil.Process(platform.process.pid).children(recursive=True)
    return found
