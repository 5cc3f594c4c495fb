"""A Ray cluster as KubeRay makes one: a node per group of pods, with the group's parameters and settings.

Both nodes are on this machine; what differs from a cluster of pods is that ports and paths are free ones. A
port of a pod is one free port here, so that two listeners that collide in the pod collide here.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import defaultdict
from pathlib import Path
from typing import Any

from support import kuberay
from support.deployment import Overlay
from support.ports import free_port

_LOOPBACK = "127.0.0.1"


class RayNodes:
    """The head and one worker group. A context manager."""

    def __init__(self, overlay: Overlay, group: str, folder: Path, **settings: str) -> None:
        self._overlay, self._group, self._folder = overlay, group, folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._ports: defaultdict[tuple[str, int], int] = defaultdict(free_port)
        self.dashboard = self.port("head", 8265)
        # Of its own, since the path of a socket may have 107 bytes, and pytest's folders are deep.
        self._sockets = tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True)
        self._token = secrets.token_hex(32)
        inherited = {
            key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "TIEBACK_"))
        }
        self._environment = {
            **inherited,
            **{key: value for key, value in os.environ.items() if key == "TIEBACK_MODELS"},
            **overlay.settings,
            **{name: str(self.port(group, one)) for name, one in kuberay.own_ports(overlay.settings).items()},
            **settings,
            "RAY_AUTH_MODE": overlay.cluster["authOptions"]["mode"],
            "RAY_AUTH_TOKEN": self._token,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",  # beside other processes, as on a node of its own
            "OMP_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }

    def __enter__(self) -> RayNodes:
        try:
            self._start("head", "--head", f"--temp-dir={self._sockets.name}")
            self.wait_until_healthy(self.dashboard, self._probe("head", "readinessProbe"))
            self._start(self._group, f"--address={_LOOPBACK}:{self.port('head', 6379)}")
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def port(self, group: str, of_pod: int) -> int:
        """The port of this machine that stands for a port of a group's pod."""
        return self._ports[group, of_pod]

    def said(self, group: str) -> Path:
        """The file of what a group's node writes to standard error."""
        return self._folder / f"{group}.err"

    def wait_until_healthy(self, port: int, path: str, seconds: float = 60.0) -> None:
        """Returns once a probe, which brings no token, is answered well."""
        end = time.monotonic() + seconds
        while True:
            try:
                self.ask(port, path, token=False)
                return
            except OSError as error:
                if time.monotonic() > end or any(one.poll() is not None for one in self._processes):
                    raise AssertionError(f"{path}: {error}; {self._logs()}") from None
                time.sleep(0.2)

    def ask(self, port: int, path: str, *, put: Any = None, token: bool = True) -> str:
        """What Ray's HTTP interface answers; raises `urllib.error.HTTPError`."""
        request = urllib.request.Request(
            f"http://{_LOOPBACK}:{port}{path}",
            data=None if put is None else json.dumps(put).encode(),
            method="GET" if put is None else "PUT",
            headers={"Content-Type": "application/json"},
        )
        if token:
            request.add_header("Authorization", f"Bearer {self._token}")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.read().decode())

    def deploy(self, config: dict[str, Any], seconds: float = 90.0) -> dict[str, Any]:
        """Deploys as KubeRay does. Returns what Ray Serve says of itself once the application runs."""
        path = "/api/serve/applications/"
        self.ask(self.dashboard, path, put=config)
        name = config["applications"][0]["name"]
        end = time.monotonic() + seconds
        while True:
            said: dict[str, Any] = json.loads(self.ask(self.dashboard, path))
            application = said["applications"].get(name, {"status": "NOT_STARTED", "message": ""})
            if application["status"] == "RUNNING":
                return said
            assert application["status"] != "DEPLOY_FAILED", application["message"]
            assert time.monotonic() < end, f"{application['status']}: {application['message']}"
            time.sleep(0.2)

    def _probe(self, group: str, name: str) -> str:
        path: str = self._overlay.pods[group]["spec"]["containers"][0][name]["httpGet"]["path"]
        return path

    def _start(self, group: str, *options: str) -> None:
        given = kuberay.start_parameters(self._overlay, group)
        # KubeRay puts the values into a shell's command line; a JSON value is quoted twice for that.
        values = {key: json.loads(value) if value.startswith('"') else value for key, value in given.items()}
        values["node-ip-address"] = _LOOPBACK
        if "dashboard-host" in values:
            values["dashboard-host"] = _LOOPBACK
        for name, of_pod in kuberay.ray_ports(self._overlay, group).items():
            values[name] = str(self.port(group, of_pod))
        parameters = [f"--{key}" if value == "true" else f"--{key}={value}" for key, value in values.items()]
        ray = [sys.executable, "-m", "tieback.serving.processes.ray_node"]  # the image's `ray`
        with (self._folder / f"{group}.log").open("wb") as log, self.said(group).open("wb") as said:
            self._processes.append(
                subprocess.Popen(
                    [*ray, "start", *parameters, *options],
                    env=self._environment,
                    stdout=log,
                    stderr=said,
                    start_new_session=True,
                )
            )

    def _stop(self) -> None:
        for process in reversed(self._processes):
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            process.wait(20)
        self._sockets.cleanup()

    def _logs(self) -> str:
        return "\n".join(path.read_text()[-1000:] for path in self._folder.glob("*.[le]*"))
