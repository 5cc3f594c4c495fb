"""One platform for all tests of this folder: starting it is what costs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.kept_projection import kept_projection
from support.running_platform import Platform
from support.trace_collector import TraceCollector, trace_collector
from tieback_client import Client


@pytest.fixture(scope="session")
def collector() -> Iterator[TraceCollector]:
    with trace_collector() as running:
        yield running


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory, collector: TraceCollector) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("platform")
    projection = str(kept_projection(folder / "projection"))
    lab = ("--extensions", "lab", "--artifacts", projection)
    running = Platform(folder, "--otlp-endpoint", collector.address, *lab)
    try:
        yield running.ready()
    finally:
        running.kill()


@pytest.fixture
def client(platform: Platform) -> Iterator[Client]:
    with Client(platform.address, timeout=60) as made:
        yield made
