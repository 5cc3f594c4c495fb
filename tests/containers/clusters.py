"""Ray clusters of several pods, and what is lost in them: three nodes, and the replicated layout."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from containers import isolation
from containers.engine import Engine
from containers.events import Event, Findings, under_load
from containers.images import BEFORE, PLATFORM, STATE
from containers.load import IN_MILVUS, SPACES, Calls, until_connected
from containers.manifests import rendered, second_worker
from containers.policies import KUBELET, Places, enforce, reaches, rules
from containers.ray_service import RayService
from containers.secrets import Secrets, refused

ADDRESS = "dns:///tieback:50051"
CUT_SECONDS = 25.0
GROWING = f"encoder:{SPACES[0]}"
"""The deployment that gets more replicas."""
LIGHT = {
    "TIEBACK_SPACES": ",".join(SPACES),
    "TIEBACK_RERANKERS": "none",
    "TIEBACK_RECOGNISERS": "none",
    "TIEBACK_GENERATOR": "none",
}
"""Settings with which five pods fit on a small machine."""


THREE = LIGHT | {
    "TIEBACK_REPLICAS": "2",
    "TIEBACK_GATEWAYS": "2",
    "TIEBACK_REPLICAS_PER_NODE": "1",
    "TIEBACK_STORE_RESOURCE": "tieback-store",
}
"""Settings of two workers, of which one has the embedded store."""


def three_nodes(engine: Engine, models: Path | None, rate: float, findings: Findings) -> None:
    """Runs a head and two workers, of which one has the embedded store."""
    with _three(engine, (), {}, models, "ray", findings) as cluster:
        worker, store = cluster.pods["door-0"], cluster.pods["platform-0"]
        events = [
            Event("worker killed", lambda: cluster.lose(worker)),
            Event(f"worker's cable cut for {CUT_SECONDS:.0f} s", lambda: cluster.cut(worker, CUT_SECONDS)),
            Event("worker drained", lambda: cluster.drain(worker)),
            Event(
                "other settings rolled out", lambda: cluster.roll_out({"cache_bytes": 32 << 20}), single=True
            ),
            Event("worker with the store killed", lambda: cluster.lose(store), single=True),
        ]
        under_load("ray", Calls(ADDRESS, operations=True, rate=rate), events, findings)


def secure(engine: Engine, models: Path | None, rate: float, findings: Findings) -> None:
    """Runs the same with the component `secrets`: tokens, and TLS to the clients and between the pods."""
    made = Secrets(engine.folder / "secrets")
    with _three(engine, ("secrets",), made.mounted, models, "secure", findings) as cluster:
        worker = cluster.pods["door-0"]
        for name, options in made.strangers.items():
            findings.fact("secure", f"a caller {name}", refused(ADDRESS, options))
        events = [
            Event("certificate and tokens replaced", made.replace),
            Event("worker killed", lambda: cluster.lose(worker)),
        ]
        under_load("secure", Calls(ADDRESS, True, rate, made.options), events, findings)


@contextmanager
def _three(
    engine: Engine,
    components: Sequence[str],
    secrets: Mapping[str, Path],
    models: Path | None,
    step: str,
    findings: Findings,
) -> Iterator[RayService]:
    both, door = ({"tieback-door": 1, "tieback-store": 1}, {"tieback-door": 1})
    overlay = second_worker(rendered(components, THREE), "door", _quoted(door), _quoted(both))
    with _network(engine, step, "10.89.7.0/24"):
        cluster = RayService(engine, overlay, step, "10.89.7.0/24")
        cluster.secrets = secrets
        _start(cluster, models, step, findings)
        yield cluster
        _end(cluster, step, findings)


def replicated(engine: Engine, models: Path | None, rate: float, findings: Findings) -> None:
    """Runs the component `replicated`: three platform pods, one with the volume, Milvus Lite, Redis."""
    with _replicated(engine, PLATFORM, models, "replicated", findings) as cluster:
        first, second, third = cluster.workers()
        [store] = cluster.workers("store")

        def away(name: str, port: int) -> float:
            """Ends what is no part of the platform for a while. Returns when it takes connections again."""
            engine.kill(name)
            time.sleep(5)
            engine.start(name)
            back = until_connected(f"{name}.{name}.svc", port)
            cluster.wait_until_whole()
            return back

        events = [
            Event("platform pod killed", lambda: cluster.lose(first)),
            Event(
                f"platform pod's cable cut for {CUT_SECONDS:.0f} s", lambda: cluster.cut(second, CUT_SECONDS)
            ),
            Event("platform pod drained", lambda: cluster.drain(third)),
            Event("other settings rolled out", lambda: cluster.roll_out({"cache_bytes": 32 << 20})),
            Event("head killed", lambda: cluster.lose(cluster.head)),
            Event("store pod killed", lambda: cluster.lose(store)),
            Event("Redis away for 5 s", lambda: away("redis", 6379)),
            Event("Milvus away for 5 s", lambda: away("milvus", 19530), need=IN_MILVUS),
        ]
        under_load("replicated", Calls(ADDRESS, operations=True, rate=rate), events, findings)


def nodes(engine: Engine, models: Path | None, rate: float, findings: Findings) -> None:
    """Runs the same while a node comes and goes, and pods get another image where there is an earlier one."""
    has_earlier = engine.has_image(BEFORE)
    with _replicated(engine, BEFORE if has_earlier else PLATFORM, models, "nodes", findings) as cluster:
        cluster.image = PLATFORM

        def another_image() -> None:
            for pod in (*cluster.workers(), *cluster.workers("store"), cluster.head):
                cluster.drain(pod)

        def added() -> None:
            cluster.add(cluster.workers()[0], "platform-added")
            # One for each node, so that one is on the node that came; a pod without a gateway is never ready.
            cluster.scale({GROWING: 4, "gateway": 4})
            cluster.wait_until_whole()

        def gone() -> None:
            cluster.scale({GROWING: 2, "gateway": 3})
            cluster.give_back(cluster.pods["platform-added"])

        events = [
            Event("a node added, and used", added),
            Event("it is drained by Ray, and ends", gone),
            *([Event("another image, pod after pod", another_image)] if has_earlier else []),
        ]
        under_load("nodes", Calls(ADDRESS, operations=True, rate=rate), events, findings)


def policies(engine: Engine, models: Path | None, rate: float, findings: Findings) -> None:
    """Runs three nodes under the component `network-policy`, and asks who reaches what."""
    with _three(engine, ("network-policy",), {}, models, "policies", findings) as cluster:
        overlay, here = cluster.overlay, "10.89.7.1"
        for name in ("stranger", "monitoring"):
            listens = shlex.split("-m http.server 8000")
            engine.run(name, STATE, ["--network=policies", "--entrypoint=/usr/local/bin/python"], listens)
        worker, store = cluster.pods["door-0"], cluster.pods["platform-0"]
        found = {name: engine.address(name) for name in ("stranger", "monitoring")}
        places = Places(
            {cluster.address(pod): pod.labels for pod in cluster.pods.values()},
            {
                KUBELET: [here],
                "tieback.dev/client=true": [here],
                "kubernetes.io/metadata.name=kuberay-system": [here],
                "kubernetes.io/metadata.name=kube-system": [here],
                "kubernetes.io/metadata.name=monitoring": [found["monitoring"]],
            },
        )
        asked = {
            "platform": (worker, (50051, 8080, 9464, 50052, 52365)),
            "head": (cluster.head, (6379, 8265)),
        }

        def look(when: str) -> None:
            for who in ("stranger", "monitoring"):
                for what, (pod, ports) in asked.items():
                    reached = [one for one in ports if reaches(engine, who, cluster.address(pod), one)]
                    findings.fact("policies", f"{when}: {who} reaches of {what} {ports}", reached or "none")
            out = reaches(engine, worker.name, found["stranger"], 8000)
            findings.fact("policies", f"{when}: platform reaches the stranger", "yes" if out else "no")

        look("without")
        cluster.on_network = lambda pod, _: enforce(
            engine, pod.name, rules(overlay, pod.container, pod.labels, places)
        )
        for pod in cluster.pods.values():
            cluster.on_network(pod, "")
        look("with")
        events = [
            Event("worker killed", lambda: cluster.lose(worker)),
            Event("worker with the store killed", lambda: cluster.lose(store), single=True),
        ]
        under_load("policies", Calls(ADDRESS, operations=True, rate=rate), events, findings)


@contextmanager
def _replicated(
    engine: Engine, image: str, models: Path | None, step: str, findings: Findings
) -> Iterator[RayService]:
    with _network(engine, step, "10.89.9.0/24"):
        cluster = RayService(engine, rendered(["replicated"], LIGHT), step, "10.89.9.0/24")
        cluster.image = image
        state = (f"--network={step}:alias={{0}}.{{0}}.svc", "--cap-drop=ALL", "--no-healthcheck")
        server = shlex.split("--bind 0.0.0.0 --protected-mode no --dir /tmp --appendonly yes")
        engine.run("redis", STATE, [*_of(state, "redis"), "--entrypoint=redis-server"], server)
        milvus = shlex.split("-m milvus_lite server --data-dir /data --host 0.0.0.0 --port 19530")
        options = [*_of(state, "milvus"), "--volume=milvus:/data", "--entrypoint=/opt/tieback/bin/python"]
        engine.run("milvus", PLATFORM, options, milvus)
        _start(cluster, models, step, findings)
        yield cluster
        _end(cluster, step, findings)


def _start(cluster: RayService, models: Path | None, step: str, findings: Findings) -> None:
    cluster.volumes = [] if models is None else [f"--volume={models}:/models:ro"]
    findings.fact(step, "all pods ready after, s", round(cluster.up(), 1))
    for one in cluster.places():
        findings.fact(step, f"pods with {one['deployment']}", one["pods"])


def _end(cluster: RayService, step: str, findings: Findings) -> None:
    findings.fact(step, "containers that ended by themselves", cluster.restarts)
    for line in cluster.errors():
        findings.fact(step, "an error in a log", line[:2000])


@contextmanager
def _network(engine: Engine, name: str, subnet: str) -> Iterator[None]:
    """Makes a network whose names are asked here too, as clients in a cluster do."""
    # Its name server asks nobody else: it would ask itself, without an end, for names that it does not know.
    engine.network(name, subnet, "--internal")
    try:
        isolation.resolve_by(f"{subnet.rpartition('.')[0]}.1", engine.folder)
        yield
    finally:
        isolation.resolve_as_before()
        engine.clear()


def _of(options: Sequence[str], name: str) -> list[str]:
    return [one.format(name) for one in options]


def _quoted(resources: dict[str, int]) -> str:
    """Resources as rayStartParams have them: quoted for a shell, and once more."""
    return json.dumps(json.dumps(resources))
