"""Fixtures for tests of every part."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import grpc
import pytest
from support.local_platform import Running, served_locally
from tieback.core.tenant import PRINCIPAL, TENANT, Principal
from tieback.serving.processes.server import keep_what_is_there
from tieback.serving.settings import Settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

LAB = Path(__file__).parent / "lab"
AMONG = Path(__file__).parent / "index"
"""Before which folder the tests of Ray clusters run: late enough to be beside others, and never the last."""


@pytest.fixture(scope="session")
def local_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A whole platform in this process, with the real models."""
    store = tmp_path_factory.mktemp("platform") / "store"
    with served_locally(Settings(store=store, port=0, metrics_port=0, drain_seconds=1)) as running:
        keep_what_is_there()  # as in a process that only serves
        yield running


@pytest.fixture
def local_channel(local_platform: Running) -> Iterator[grpc.Channel]:
    """A plain gRPC channel, for requests that the SDK would not let out."""
    with grpc.insecure_channel(
        local_platform.address, options=[("grpc.max_send_message_length", -1)]
    ) as channel:
        yield channel


@pytest.fixture(autouse=True)
def no_tenant_is_left() -> Iterator[None]:
    """Fails a test after which the process would go on acting for a tenant, as those after it would."""
    yield
    assert (TENANT.get(), PRINCIPAL.get()) == ("", Principal())


@cache
def names_ray(file: Path) -> bool:
    return b"mark.ray" in file.read_bytes()


def is_all(file: Path) -> bool:
    """Tell whether only `scripts/test all` runs a file: its mark says so, or it is of the lab."""
    return LAB in file.parents or b"\npytestmark = pytest.mark.all\n" in file.read_bytes()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files of which the expression of markers leaves nothing are not imported."""
    if not (collection_path.name.startswith("test_") and collection_path.suffix == ".py"):
        return None
    expression = config.option.markexpr
    left_out = (expression == "ray" and not names_ray(collection_path)) or (
        expression == "not all" and is_all(collection_path)
    )
    return left_out or None


@pytest.hookimpl(tryfirst=True)  # before those of another marker are left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the tests of Ray clusters together, where they run beside the rest of the others."""
    hidden = {one.path for one in items if one.get_closest_marker("ray") and not names_ray(one.path)}
    if hidden:
        raise pytest.UsageError(f"tests of a Ray cluster in files without the words mark.ray: {hidden}")
    items.sort(key=lambda item: (AMONG, 0) if names_ray(item.path) else (item.path.parent, 1))


class FilesAndRay(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
    """Keeps a file's tests in one process, as they share what they started, and all Ray clusters in one."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "ray" if names_ray(self.config.rootpath / file) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesAndRay | None:
    return FilesAndRay(config, log) if config.option.dist == "loadfile" else None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends a process that has not ended a minute after the last test, and says which threads kept it.

    One of several test processes waits for the others, and is ended by the process that started it.
    """
    if hasattr(config, "workerinput"):
        return
    faulthandler.dump_traceback_later(60, exit=True)
