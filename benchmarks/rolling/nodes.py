"""A Ray cluster of several nodes on this machine, deployed to as KubeRay does: by Ray Serve's HTTP interface.

The head only controls, as in the Kubernetes layout. A node that is killed loses its raylet and its replicas
at once, without a word to anybody.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from tieback.serving.processes.deployments import APPLICATION, IMPORT_PATH

from benchmarks.ports import free_port

LOOPBACK = "127.0.0.1"
_OBJECT_STORE_BYTES = 80_000_000
_POLL_SECONDS = 0.2
_PATH = "/api/serve/applications/"


class ClusterError(Exception):
    """The cluster did not do what was asked in time; the message is what it said last."""


@dataclass(frozen=True, slots=True)
class Replica:
    """A replica as Ray Serve reports it."""

    id: str
    node: str
    state: str


class Node:
    """A node: `ray start` and everything below it."""

    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self.name, self.process = name, process
        self.id = ""  # Ray's

    def processes(self) -> list[psutil.Process]:
        """The node's processes, replicas too."""
        try:
            own = psutil.Process(self.process.pid)
            return [own, *own.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def signal(self, number: int) -> None:
        """Sends a signal to all of them."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def kill(self) -> None:
        """Ends all of them as a power cut would."""
        self.signal(signal.SIGKILL)
        self.process.wait(20)


class Nodes:
    """A head and the workers that are added. A context manager, which leaves nothing running."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self._folder = folder
        self._workers: dict[str, Node] = {}
        self._gcs, self._dashboard = free_port(), free_port()
        self._token = secrets.token_hex(32)
        # Of its own: the path of a socket may have 107 bytes.
        self._sockets = tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "TIEBACK_"))}
        self._environment = kept | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self._token,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",  # beside other processes, as on a node of its own
            "OMP_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "MALLOC_ARENA_MAX": "2",
            **settings,
        }

    def __enter__(self) -> Nodes:
        try:
            self._head = self._start(
                "head", "--head", f"--port={self._gcs}", "--num-cpus=0", "--dashboard-host=127.0.0.1",
                f"--dashboard-port={self._dashboard}", f"--temp-dir={self._sockets.name}",
            )  # fmt: skip
            self._wait(lambda: list(self._alive()), 180, "the head")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for node in [*self._workers.values(), *([self._head] if hasattr(self, "_head") else [])]:
            with contextlib.suppress(Exception):
                node.kill()
        self._sockets.cleanup()

    def add(self, name: str, *resources: str) -> Node:
        """Starts a worker that offers these resources, and waits until the cluster has it."""
        before = set(self._alive())
        offered = json.dumps(dict.fromkeys(resources, 1))
        node = self._workers[name] = self._start(
            name, f"--address={LOOPBACK}:{self._gcs}", "--num-cpus=1", f"--resources={offered}"
        )
        found = self._wait(lambda: set(self._alive()) - before, 300, name)
        [node.id] = found
        return node

    def deploy(self, arguments: Mapping[str, Any], replicas: Mapping[str, int]) -> None:
        """Sends a configuration: settings by name, and numbers of replicas in place of those of the settings.

        Settings that differ begin a rollout; numbers that differ only scale.
        """
        deployments = [{"name": name, "num_replicas": number} for name, number in replicas.items()]
        application = {
            "name": APPLICATION,
            "import_path": IMPORT_PATH,
            "route_prefix": None,
            "args": dict(arguments),
            "deployments": deployments,
        }
        self._ask(_PATH, put={"proxy_location": "Disabled", "applications": [application]})

    def wait_until_running(self, seconds: float = 400.0) -> None:
        """Returns once Ray Serve says that the application runs as it was asked to."""

        def running() -> bool:
            said = self._application()
            if said["status"] == "DEPLOY_FAILED":
                raise ClusterError(said["message"])
            return bool(said["status"] == "RUNNING")

        self._wait(running, seconds, "the application")

    def replicas(self) -> dict[str, list[Replica]]:
        """The replicas of every deployment."""
        return {
            name: [
                Replica(one["replica_id"], one.get("node_id") or "", one["state"])
                for one in deployment["replicas"]
            ]
            for name, deployment in self._application()["deployments"].items()
        }

    def _application(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self._ask(_PATH))["applications"].get(APPLICATION)
        return said or {"status": "NOT_STARTED", "message": "", "deployments": {}}

    def _alive(self) -> Iterator[str]:
        for one in json.loads(self._ask("/nodes?view=summary"))["data"]["summary"]:
            if one["raylet"].get("state") == "ALIVE":
                yield one["raylet"]["nodeId"]

    def _start(self, name: str, *options: str) -> Node:
        command = [
            str(Path(sys.executable).with_name("ray")), "start", "--block", *options,
            f"--node-ip-address={LOOPBACK}", f"--object-store-memory={_OBJECT_STORE_BYTES}",
            f"--dashboard-agent-listen-port={free_port()}", "--min-worker-port=0", "--max-worker-port=0",
        ]  # fmt: skip
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        return Node(name, process)

    def _ask(self, path: str, *, put: Any = None, token: bool = True) -> str:
        request = urllib.request.Request(
            f"http://{LOOPBACK}:{self._dashboard}{path}",
            data=None if put is None else json.dumps(put).encode(),
            method="GET" if put is None else "PUT",
            headers={"Content-Type": "application/json"},
        )
        if token:
            request.add_header("Authorization", f"Bearer {self._token}")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return str(answer.read().decode())

    def _wait(self, condition: Any, seconds: float, what: str) -> Any:
        end, last = time.monotonic() + seconds, ""
        while time.monotonic() < end:
            try:
                if found := condition():
                    return found
            except OSError as error:
                last = str(error)
            time.sleep(_POLL_SECONDS)
        words = [path.read_text()[-500:] for path in sorted(self._folder.glob("*.log"))]
        raise ClusterError(f"{what} was not ready within {seconds:.0f} s: {last} {words}")


@contextlib.contextmanager
def milvus_lite(folder: Path) -> Iterator[str]:
    """The address of Milvus Lite in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "milvus_lite", "server", "--data-dir", str(folder), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection((LOOPBACK, port), 1).close()
                break
            except OSError:
                if time.monotonic() > end or process.poll() is not None:
                    raise ClusterError("Milvus Lite does not start") from None
                time.sleep(_POLL_SECONDS)
        yield f"http://{LOOPBACK}:{port}"
    finally:
        process.kill()
        process.wait()
