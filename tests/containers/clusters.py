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
from containers.images import PLATFORM, STATE
from containers.load import IN_MILVUS, SPACES, Calls, until_connected
from containers.manifests import rendered, second_worker
from containers.ray_service import RayService
from containers.secrets import Secrets, refused

ADDRESS = "dns:///tieback:50051"
CUT_SECONDS = 25.0
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
        findings.fact(step, "containers that ended by themselves", cluster.restarts)


def replicated(engine: Engine, models: Path | None, rate: float, findings: Findings) -> None:
    """Runs the component `replicated`: three platform pods, one with the volume, Milvus Lite, Redis."""
    with _network(engine, "replicated", "10.89.9.0/24"):
        cluster = RayService(engine, rendered(["replicated"], LIGHT), "replicated", "10.89.9.0/24")
        state = ("--network=replicated:alias={0}.{0}.svc", "--cap-drop=ALL", "--no-healthcheck")
        server = shlex.split("--bind 0.0.0.0 --protected-mode no --dir /tmp --appendonly yes")
        engine.run("redis", STATE, [*_of(state, "redis"), "--entrypoint=redis-server"], server)
        milvus = shlex.split("-m milvus_lite server --data-dir /data --host 0.0.0.0 --port 19530")
        options = [*_of(state, "milvus"), "--volume=milvus:/data", "--entrypoint=/opt/tieback/bin/python"]
        engine.run("milvus", PLATFORM, options, milvus)
        _start(cluster, models, "replicated", findings)
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
        findings.fact("replicated", "containers that ended by themselves", cluster.restarts)


def _start(cluster: RayService, models: Path | None, step: str, findings: Findings) -> None:
    cluster.volumes = [] if models is None else [f"--volume={models}:/models:ro"]
    findings.fact(step, "all pods ready after, s", round(cluster.up(), 1))
    for one in cluster.places():
        findings.fact(step, f"pods with {one['deployment']}", one["pods"])


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
