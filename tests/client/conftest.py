"""One canned server for each test, and both clients on it."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tieback_client import AsyncClient, Client

PROGRAM = Path(__file__).with_name("canned.py")


@pytest.fixture(scope="session")
def canned() -> ModuleType:
    """The module of the canned server, loaded from its file."""
    spec = importlib.util.spec_from_file_location("canned", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Served:
    """A running canned server: its address, and what it saw."""

    def __init__(self, module: ModuleType, **options: Any) -> None:
        self.server, port, self.log = module.serve(**options)
        self.address = f"localhost:{port}"


@pytest.fixture
def served(canned: ModuleType) -> Iterator[Served]:
    """A canned server in this process."""
    one = Served(canned)
    yield one
    one.server.stop(0).wait()


@pytest.fixture
def breaking(canned: ModuleType) -> Iterator[Served]:
    """A canned server whose first stream of writes breaks after two requests."""
    one = Served(canned, gone_after=2)
    yield one
    one.server.stop(0).wait()


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(served.address) as one:
        yield one


@pytest.fixture
async def aclient(served: Served) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(served.address) as one:
        yield one


class Program:
    """A canned server in a process of its own, which can be killed and started again on the same port."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("localhost", 0))
            self.port = probe.getsockname()[1]
        self.address = f"localhost:{self.port}"
        self.start()

    def start(self) -> None:
        environment = os.environ | {"GRPC_VERBOSITY": "NONE"}
        self.process = subprocess.Popen([sys.executable, str(PROGRAM), str(self.port)], env=environment)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def program() -> Iterator[Program]:
    one = Program()
    yield one
    one.kill()
