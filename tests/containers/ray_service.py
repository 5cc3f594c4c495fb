"""A RayService in containers: a pod's container each, probes from outside, deployed as the operator does."""

from __future__ import annotations

import json
import secrets
import shlex
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support.deployment import Overlay

from benchmarks.progress import log
from containers.engine import Engine, EngineError
from containers.images import PLATFORM
from containers.manifests import Pod, pods

_POLL_SECONDS = 0.5
PATIENCE = 420.0
"""Seconds that the whole may take to be whole again."""
_DASHBOARD = 8265
_APPLICATIONS = "/api/serve/applications/"


class RayService:
    """The pods of a RayService on a network. What ends with the engine's containers needs no other end."""

    def __init__(self, engine: Engine, overlay: Overlay, network: str, subnet: str) -> None:
        self.engine, self.network, self.overlay = engine, network, overlay
        self.pods = {one.name: one for one in pods(overlay)}
        self._prefix = subnet.rpartition(".")[0]
        self._addresses = {name: f"{self._prefix}.{n}" for n, name in enumerate(self.pods, 10)}
        self._token = secrets.token_hex(32)
        self.volumes: list[str] = []
        self.secrets: Mapping[str, Path] = {}
        self.image = PLATFORM
        """That of the pods which are made from now on."""
        self.on_network: Callable[[Pod, str], None] = lambda _pod, _address: None
        """Is called with each pod whose container was started, and its address."""
        self.restarts: list[str] = []
        """Containers that ended by themselves, with their last words."""
        self._errors: list[str] = []
        self._wanted: dict[str, int] = {}
        self._next = 100

    @property
    def head(self) -> Pod:
        """The pod that controls."""
        return next(one for one in self.pods.values() if one.is_head)

    def workers(self, component: str = "platform") -> list[Pod]:
        """The pods of a component."""
        return [one for one in self.pods.values() if one.component == component]

    def up(self) -> float:
        """Starts the pods and deploys. Returns the seconds until all replicas ran and all pods were ready."""
        begun = time.monotonic()
        for pod in self.pods.values():  # one after the other: what starts has 30 seconds for it
            self.create(pod)
            self._probe(pod, "startupProbe")
            self._probe(pod, "livenessProbe")
        self.deploy({})
        self._wait(lambda: self._status()["status"] == "RUNNING", "the application runs")
        self._wanted = {name: len(several) for name, several in self._replicas().items()}
        for pod in self.pods.values():
            self._probe(pod, "readinessProbe")
        return time.monotonic() - begun

    def create(self, pod: Pod) -> None:
        """Makes a pod's container and starts it."""
        options = pod.options(self._token, self.network, self._addresses[pod.name], self.secrets)
        self.engine.run(pod.name, self.image, [*options, *self.volumes], ["-lc", pod.command()])
        self.on_network(pod, self._addresses[pod.name])
        log(f"  pod {pod.name}: {pod.command()}")

    def remove(self, pod: Pod) -> None:
        """Deletes a pod as Kubernetes does: preStop, SIGTERM, and SIGKILL when the grace is over."""
        begun = time.monotonic()
        if pod.pre_stop:
            self.engine.podman("exec", pod.name, *pod.pre_stop)
        left = max(1, round(pod.grace - (time.monotonic() - begun)))
        self.engine.podman("stop", f"--time={left}", pod.name)
        self._errors += self.engine.errors(pod.name)
        self.engine.podman("rm", "--force", pod.name)

    def errors(self) -> list[str]:
        """The errors that the pods wrote, those that were deleted too."""
        return self._errors + [line for name in self.pods for line in self.engine.errors(name)]

    def lose(self, pod: Pod) -> None:
        """Ends a pod's container at once; the kubelet starts it again."""
        self.engine.kill(pod.name)
        self.engine.start(pod.name)
        self.on_network(pod, self._addresses[pod.name])
        self.wait_until_whole()

    def drain(self, pod: Pod) -> None:
        """Deletes a pod; another one takes its place, with another address."""
        self.remove(pod)
        if not pod.is_head:  # whose name stays, as that of its Service does
            self._addresses[pod.name] = self._free_address()
        self.create(pod)
        self.wait_until_whole()

    def add(self, like: Pod, name: str) -> Pod:
        """Makes another pod of a group, as the operator does where Ray's autoscaler asks for one."""
        made = replace(like, name=name)
        self.pods[name], self._addresses[name] = made, self._free_address()
        self.create(made)
        self._probe(made, "startupProbe")
        return made

    def give_back(self, pod: Pod) -> None:
        """Tells Ray that a node is to end, and deletes its pod, as the autoscaler and the operator do."""
        node = next(node for node, ip in self._nodes().items() if ip == self._addresses[pod.name])
        told = shlex.split("--reason=DRAIN_NODE_REASON_IDLE_TERMINATION --reason-message=idle")
        ray = "/opt/tieback/bin/ray"
        self.engine.podman("exec", self.head.name, ray, "drain-node", f"--node-id={node}", *told)
        self.remove(pod)
        del self.pods[pod.name]
        self.wait_until_whole()

    def scale(self, numbers: Mapping[str, int]) -> None:
        """Asks for so many replicas of deployments, and waits until Ray Serve has them.

        A pod from which the gateway was taken is not ready again.
        """
        self.deploy({}, numbers)
        self._wanted |= numbers
        self._wait(
            lambda: {name: len(self._replicas()[name]) for name in numbers} == dict(numbers),
            "the number is met",
        )

    def address(self, pod: Pod) -> str:
        """The address of a pod."""
        return self._addresses[pod.name]

    def _free_address(self) -> str:
        self._next += 1
        return f"{self._prefix}.{self._next - 1}"

    def cut(self, pod: Pod, seconds: float) -> None:
        """Takes a pod's network away without a word, and gives it back."""
        self.engine.cable(pod.name, "down")
        time.sleep(seconds)
        self.engine.cable(pod.name, "up")
        time.sleep(2)
        self.wait_until_whole()

    def deploy(self, arguments: Mapping[str, Any], numbers: Mapping[str, int] | None = None) -> None:
        """Sends serveConfigV2 with these settings, again and again until Ray Serve takes it."""
        config = yaml.safe_load(self.overlay.all("RayService")["tieback"]["spec"]["serveConfigV2"])
        config["applications"][0]["args"] = dict(arguments)
        if numbers:
            several = [{"name": name, "num_replicas": number} for name, number in numbers.items()]
            config["applications"][0]["deployments"] = several

        def taken() -> bool:
            self._ask(_APPLICATIONS, config)
            return True

        self._wait(taken, "Ray Serve takes the configuration", 60)

    def roll_out(self, arguments: Mapping[str, Any]) -> None:
        """Sends other settings, and waits until every replica is another one."""
        old = {one["replica_id"] for several in self._replicas().values() for one in several}
        self.deploy(arguments)
        self._wait(
            lambda: not old & {one["replica_id"] for several in self._replicas().values() for one in several},
            "every replica is replaced",
        )
        self.wait_until_whole()

    def wait_until_whole(self) -> None:
        """Returns once every deployment has its replicas on pods that are there, and every pod is ready."""
        since = [0.0]

        def whole() -> bool:
            for pod in self.pods.values():
                self._revive(pod)
            if self._status()["status"] != "RUNNING" or not self._all_there():
                since[0] = 0.0
                return False
            since[0] = since[0] or time.monotonic()
            return time.monotonic() - since[0] > 3.0  # Ray Serve hears late of what was lost

        self._wait(whole, "all replicas are there")
        for pod in self.pods.values():
            self._probe(pod, "readinessProbe")

    def places(self) -> list[dict[str, str]]:
        """The replicas by deployment, each by the pod that it is on."""
        by_address = {address: name for name, address in self._addresses.items()}
        on = {node: by_address.get(address, address) for node, address in self._nodes().items()}
        return [
            {"deployment": name, "pods": ", ".join(sorted(on.get(one["node_id"], "?") for one in several))}
            for name, several in sorted(self._replicas().items())
        ]

    def logs(self) -> str:
        """Last words of the pods."""
        return " || ".join(f"{name}: {self.engine.logs(name, 3)}" for name in self.pods)

    def _all_there(self) -> bool:
        alive = self._nodes()
        return all(
            sum(one["state"] == "RUNNING" and one["node_id"] in alive for one in self._replicas()[name])
            >= count
            for name, count in self._wanted.items()
        )

    def _status(self) -> dict[str, Any]:
        said = json.loads(self._ask(_APPLICATIONS))["applications"].get("tieback")
        found: dict[str, Any] = said or {"status": "NOT_STARTED", "message": "", "deployments": {}}
        if found["status"] == "DEPLOY_FAILED":
            raise EngineError(f"DEPLOY_FAILED: {found['message'][-1500:]}")
        return found

    def _replicas(self) -> dict[str, list[dict[str, Any]]]:
        return {name: one["replicas"] for name, one in self._status()["deployments"].items()}

    def _nodes(self) -> dict[str, str]:
        """Addresses of the nodes that are alive, by Ray's ids."""
        summary = json.loads(self._ask("/nodes?view=summary"))["data"]["summary"]
        raylets = [one["raylet"] for one in summary]
        return {one["nodeId"]: one["nodeManagerAddress"] for one in raylets if one.get("state") == "ALIVE"}

    def _ask(self, path: str, put: Any = None) -> str:
        request = urllib.request.Request(
            f"http://{self._addresses[self.head.name]}:{_DASHBOARD}{path}",
            data=None if put is None else json.dumps(put).encode(),
            method="GET" if put is None else "PUT",
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return str(answer.read().decode())

    def _probe(self, pod: Pod, name: str) -> None:
        probe, address = pod.container[name], self._addresses[pod.name]
        most = probe.get("failureThreshold", 3) * probe.get("periodSeconds", 10)

        def answered() -> bool:
            self._revive(pod)
            return answers(address, probe)

        self._wait(answered, f"{name} of {pod.name}", most if name == "startupProbe" else PATIENCE)

    def _revive(self, pod: Pod) -> None:
        """Starts a container that ended, as the kubelet does."""
        if not self.engine.is_running(pod.name):
            self.restarts.append(f"{pod.name}: {self.engine.logs(pod.name, 1)[-200:]}")
            log(f"  {self.restarts[-1]}")
            self.engine.podman("start", pod.name, check=False)

    def _wait(self, condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        end, last = time.monotonic() + seconds, ""
        while True:
            try:
                if condition():
                    return
            except (OSError, KeyError, ValueError) as error:
                last = f" {error!r}"
            if time.monotonic() > end:
                raise EngineError(f"not within {seconds:.0f} s: {what}{last}; {self.logs()}")
            time.sleep(_POLL_SECONDS)


def answers(address: str, probe: Mapping[str, Any]) -> bool:
    """Ask a probe from outside, as a kubelet does, once."""
    seconds = max(2, probe.get("timeoutSeconds", 1))
    try:
        if "httpGet" in probe:
            asked = probe["httpGet"]
            with urllib.request.urlopen(f"http://{address}:{asked['port']}{asked['path']}", timeout=seconds):
                return True
        with grpc.insecure_channel(f"{address}:{probe['grpc']['port']}") as channel:
            request = health_pb2.HealthCheckRequest(service=probe["grpc"].get("service", ""))
            said = health_pb2_grpc.HealthStub(channel).Check(request, timeout=seconds).status
            return bool(said == health_pb2.HealthCheckResponse.SERVING)
    except (OSError, grpc.RpcError):
        return False
