"""Milvus Lite on a port of this machine, as a server of Milvus: in this process, or killed with its own."""

from __future__ import annotations

import logging
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def served(folder: Path, port: int = 0) -> Iterator[str]:
    """The address of Milvus Lite on a folder, in a thread."""
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    logging.getLogger("milvus_lite").setLevel(logging.CRITICAL)
    server, database, bound = start_server_in_thread(data_dir=str(folder), host="127.0.0.1", port=port)
    try:
        yield f"http://127.0.0.1:{bound}"
    finally:
        server.stop(0).wait()
        database.close()


def emptied(address: str) -> None:
    """Removes all collections."""
    from pymilvus import MilvusClient

    client: Any = MilvusClient(address, dedicated=True)
    for name in client.list_collections():
        client.drop_collection(name)
    client.close()


class OwnProcess:
    """Milvus Lite in a process of its own on a folder, which can be stopped, killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, and returns once it takes connections."""
        command = [sys.executable, "-m", "milvus_lite", "server", "--data-dir", str(self._folder)]
        self._process = subprocess.Popen(
            [*command, "--port", str(self._port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
                return
            time.sleep(0.05)
        raise TimeoutError("Milvus Lite does not start")

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal."""
        if self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """Kills it, and waits until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def in_own_process(folder: Path) -> Iterator[OwnProcess]:
    """Milvus Lite in a process of its own, while the block runs."""
    running = OwnProcess(folder)
    running.start()
    try:
        yield running
    finally:
        running.kill()
