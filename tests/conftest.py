"""Fixtures for tests of every part."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from support.local_platform import Running, served_locally
from tieback.serving import heap
from tieback.serving.settings import Settings


@pytest.fixture(scope="session")
def local_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A whole platform in this process, with the real models."""
    store = tmp_path_factory.mktemp("platform") / "store"
    with served_locally(Settings(store=store, port=0, metrics_port=0, drain_seconds=1)) as running:
        heap.keep_what_is_there()  # as in a process that only serves
        yield running


@pytest.fixture
def local_channel(local_platform: Running) -> Iterator[grpc.Channel]:
    """A plain gRPC channel, for requests that the SDK would not let out."""
    with grpc.insecure_channel(
        local_platform.address, options=[("grpc.max_send_message_length", -1)]
    ) as channel:
        yield channel


def names_ray(file: Path) -> bool:
    return b"mark.ray" in file.read_bytes()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m ray`, only files that name the marker are imported: a dozen of hundreds."""
    is_left_out = config.option.markexpr == "ray" and collection_path.name.startswith("test_")
    return True if is_left_out and not names_ray(collection_path) else None


@pytest.hookimpl(tryfirst=True)  # before those of the other marker are left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that has the marker from elsewhere would be in neither of the two runs of scripts/test."""
    hidden = {one.path for one in items if one.get_closest_marker("ray") and not names_ray(one.path)}
    if hidden:
        raise pytest.UsageError(f"tests of a Ray cluster in files without the words mark.ray: {hidden}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends a process that has not ended a minute after the last test, and says which threads kept it.

    One of several test processes waits for the others, and is ended by the process that started it.
    """
    if hasattr(config, "workerinput"):
        return
    faulthandler.dump_traceback_later(60, exit=True)
