"""The pool of encoders by `podman kube play`, which reads the manifests themselves."""

from __future__ import annotations

import copy
from pathlib import Path

import yaml
from support.deployment import Overlay
from tieback_client import Client, TiebackError, Unimplemented

from containers.engine import Engine
from containers.events import Findings
from containers.images import PLATFORM
from containers.load import SPACES, wait_until_serving
from containers.manifests import rendered

STEP = "pool"
ADDRESS = "127.0.0.1:50061"
_KINDS = {"Deployment", "ConfigMap"}


def playable(overlay: Overlay, models: Path | None) -> Overlay:
    """The Deployment and its settings, less what podman refuses: several replicas, missing Secrets."""
    chosen = Overlay("pool", tuple(one for one in copy.deepcopy(overlay.objects) if one["kind"] in _KINDS))
    deployment = chosen.all("Deployment")["tieback-encoders"]
    deployment["spec"]["replicas"] = 1
    spec = deployment["spec"]["template"]["spec"]
    [container] = spec["containers"]
    container["image"] = PLATFORM
    container["ports"] = [{"containerPort": 50051, "hostPort": 50061}]
    gone = {one["name"] for one in spec["volumes"] if "secret" in one}
    spec["volumes"] = [one for one in spec["volumes"] if one["name"] not in gone]
    container["volumeMounts"] = [one for one in container["volumeMounts"] if one["name"] not in gone]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        container.pop(probe, None)  # podman has none of gRPC
    if models is not None:
        spec["volumes"].append({"name": "models", "hostPath": {"path": str(models), "type": "Directory"}})
        container["volumeMounts"].append({"name": "models", "mountPath": "/models", "readOnly": True})
    return chosen


def run(engine: Engine, models: Path | None, rate: float, findings: Findings) -> None:
    """Plays the pool, asks for what it serves and for what it does not, and ends it."""
    text = yaml.safe_dump_all(playable(rendered(["encoders"]), models).objects)
    file = engine.folder / "pool.yaml"
    file.write_text(text)
    try:
        engine.podman("kube", "play", "--quiet", str(file))
        findings.fact(STEP, "ready after, s", round(wait_until_serving(ADDRESS, 180), 1))
        with Client(ADDRESS, timeout=60) as client:
            client.encode("a cup of coffee", space=SPACES[0])
            client.rerank("coffee", ["a cup", "a boat"], space=SPACES[1])
            client.check("The tide follows the moon.", ["The moon pulls the sea."])
            try:
                list(client.collections())
                refused = "no"
            except Unimplemented:
                refused = "yes"
            except TiebackError as error:
                refused = f"{type(error).__name__}: {error.message}"
        findings.fact(STEP, "encodes, reranks and checks", "yes")
        findings.fact(STEP, "refuses collections as UNIMPLEMENTED", refused)
        [name] = engine.podman("ps", "--filter=name=encoders", "--format={{.Names}}").splitlines()[-1:]
        engine.podman("stop", name)
        findings.fact(STEP, "status after SIGTERM", engine.inspected(name)["State"]["ExitCode"])
    except TimeoutError as error:
        raise TimeoutError(f"{error}: {engine.podman('ps', '--all')}") from None
    finally:
        engine.podman("kube", "down", str(file), check=False)
        engine.clear()
