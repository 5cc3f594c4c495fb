"""One canned server for each test, and both clients on it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.canned.serving import serve
from support.command_line import Run
from support.ports import free_port
from support.running_platform import wait_for
from tieback_client import AsyncClient, Client
from tieback_client.cli import app

TESTS = Path(__file__).parents[1]


class Served:
    """A running canned server: its address, and what it saw."""

    def __init__(self, **options: Any) -> None:
        self.server, port, self.log = serve(**options)
        self.address = f"127.0.0.1:{port}"


@pytest.fixture
def served() -> Iterator[Served]:
    """A canned server in this process."""
    one = Served()
    yield one
    one.server.stop(0).wait()


@pytest.fixture
def breaking() -> Iterator[Served]:
    """A canned server whose first stream of writes breaks after two requests."""
    one = Served(gone_after=2)
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


@pytest.fixture
def run(served: Any) -> Run:
    """Runs a command against the canned server, its output not a terminal."""

    def invoke(*words: str, **options: Any) -> Result:
        return CliRunner().invoke(app.tieback, words, env={"TIEBACK_SERVER": served.address}, **options)

    return invoke


class Program:
    """A canned server in a process of its own, which can be killed and started again on the same port."""

    def __init__(self) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.start()
        wait_for(self._listens, 60)

    def start(self) -> None:
        environment = os.environ | {"GRPC_VERBOSITY": "NONE"}
        command = [sys.executable, "-m", "support.canned", str(self.port)]
        self.process = subprocess.Popen(command, cwd=TESTS, env=environment)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def _listens(self) -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def program() -> Iterator[Program]:
    one = Program()
    yield one
    one.kill()
