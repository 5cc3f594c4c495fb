"""Manifests as kustomize renders them, and the pods that KubeRay's operator makes of a RayService."""

from __future__ import annotations

import copy
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from support.deployment import Overlay
from support.kuberay import start_parameters

from containers.images import ROOT

HEAD_SERVICE = "tieback-head-svc"


def rendered(components: Sequence[str] = (), settings: Mapping[str, str] | None = None) -> Overlay:
    """The objects of k8s/base with these components, and with settings merged as an overlay does it."""
    literals = [f"{name}={value}" for name, value in (settings or {}).items()]
    overlay = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "tieback",
        "resources": ["../base"],
        "components": [f"../components/{name}" for name in components],
        "configMapGenerator": [{"name": "tieback-settings", "behavior": "merge", "literals": literals}],
        "generatorOptions": {"disableNameSuffixHash": True},
    }
    with tempfile.TemporaryDirectory() as folder:
        for name in ("base", "components"):
            shutil.copytree(ROOT / "k8s" / name, Path(folder) / name)
        (Path(folder) / "overlay").mkdir()
        (Path(folder) / "overlay/kustomization.yaml").write_text(yaml.safe_dump(overlay))
        command = ["kustomize", "build", f"{folder}/overlay"]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        raise ValueError(built.stderr)
    return Overlay("rendered", tuple(yaml.safe_load_all(built.stdout)))


def second_worker(overlay: Overlay, name: str, resources: str, first: str) -> Overlay:
    """The overlay with a second group of workers like its first; each has resources of its own."""
    made = copy.deepcopy(overlay)
    groups = made.cluster["workerGroupSpecs"]
    added = copy.deepcopy(groups[0])
    added["groupName"] = name
    groups[0]["rayStartParams"]["resources"], added["rayStartParams"]["resources"] = first, resources
    groups.append(added)
    return made


@dataclass(frozen=True)
class Pod:
    """A pod of a RayService: one container of Ray."""

    name: str
    group: Mapping[str, Any]
    parameters: Mapping[str, str]
    """Of `ray start`, with those that the operator adds."""
    environment: Mapping[str, str]

    @property
    def is_head(self) -> bool:
        """Tell whether it controls the others."""
        return "groupName" not in self.group

    @property
    def container(self) -> Mapping[str, Any]:
        """The container's part of the manifest."""
        found: Mapping[str, Any] = self.group["template"]["spec"]["containers"][0]
        return found

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels by which Services and policies choose it."""
        found: Mapping[str, str] = self.group["template"]["metadata"]["labels"]
        return found

    @property
    def component(self) -> str:
        """The label of what it is."""
        return self.labels["app.kubernetes.io/component"]

    @property
    def grace(self) -> int:
        """Seconds from the wish that it ends to SIGKILL, less those that its preStop sleeps."""
        return int(self.group["template"]["spec"].get("terminationGracePeriodSeconds", 30))

    @property
    def pre_stop(self) -> Sequence[str]:
        """The command that runs before SIGTERM."""
        return list(self.container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ()))

    def command(self) -> str:
        """The line that the operator has a login shell run."""
        given = dict(self.parameters)
        if not self.is_head:
            given.setdefault("address", f"{HEAD_SERVICE}:6379")
        words = [f"--{key}" if value == "true" else f"--{key}={value}" for key, value in given.items()]
        return f"ulimit -n 65536; ray start {'--head ' if self.is_head else ''}{' '.join(words)}"

    def variables(self, token: str) -> dict[str, str]:
        """Variables of the manifest, and the operator's."""
        ray = {
            "RAY_CLUSTER_NAME": "tieback",
            "RAY_PORT": "6379",
            "RAY_USAGE_STATS_KUBERAY_IN_USE": "1",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": token,
            "RAY_NODE_TYPE_NAME": str(self.group.get("groupName", "headgroup")),
            "RAY_CLOUD_INSTANCE_ID": self.name,
        }
        if self.is_head:
            return {**self.environment, **ray, "RAY_ADDRESS": "127.0.0.1:6379"}
        worker = {
            "FQ_RAY_IP": HEAD_SERVICE,
            "RAY_IP": HEAD_SERVICE,
            "RAY_ADDRESS": f"{HEAD_SERVICE}:6379",
            "RAY_gcs_rpc_server_reconnect_timeout_s": "600",
        }
        return {**self.environment, **ray, **worker}

    def options(self, token: str, network: str, address: str, secrets: Mapping[str, Path]) -> Iterator[str]:
        """Options of `podman run`: what a kubelet does with the manifest. Secrets are folders by name."""
        spec, container = self.group["template"]["spec"], self.container
        alias = HEAD_SERVICE if self.is_head else "tieback" if self.component == "platform" else self.name
        security = spec["securityContext"]
        yield from (f"--network={network}:ip={address},alias={alias}", f"--hostname={self.name}")
        yield from ("--cap-drop=ALL", "--security-opt=no-new-privileges", "--no-healthcheck")
        yield f"--user={security['runAsUser']}:{security['runAsGroup']}"
        yield f"--memory={container['resources']['limits']['memory']}"
        yield f"--cpu-shares={shares(container['resources']['requests']['cpu'])}"
        if container["securityContext"].get("readOnlyRootFilesystem"):
            yield "--read-only"
        volumes = {one["name"]: one for one in spec["volumes"]}
        for mount in container["volumeMounts"]:
            volume, path = volumes[mount["name"]], mount["mountPath"]
            if "persistentVolumeClaim" in volume:
                yield f"--volume={volume['persistentVolumeClaim']['claimName']}:{path}"
            elif "secret" in volume and volume["secret"]["secretName"] in secrets:
                yield f"--volume={secrets[volume['secret']['secretName']]}:{path}:ro"
            elif path == "/dev/shm":
                yield f"--shm-size={volume['emptyDir']['sizeLimit']}"
            elif "emptyDir" in volume:
                yield f"--tmpfs={path}:rw,mode=1777"
        yield from (f"--env={name}={value}" for name, value in self.variables(token).items())
        yield "--entrypoint=/bin/bash"


def shares(cpu: str) -> int:
    """Weight of a container against others, as a kubelet makes it of a request such as `500m` or `2`."""
    cores = float(cpu.removesuffix("m")) / 1000 if cpu.endswith("m") else float(cpu)
    return max(2, int(cores * 1024))


def pods(overlay: Overlay) -> list[Pod]:
    """The head's pod, and those of the workers."""
    state = overlay.cluster.get("gcsFaultToleranceOptions")
    redis = {"RAY_REDIS_ADDRESS": state["redisAddress"]} if state else {}
    kept = redis | ({"RAY_external_storage_namespace": "tieback"} if state else {})
    return [
        Pod(
            f"{name}-{number}",
            group,
            start_parameters(overlay, name),
            overlay.settings | (kept if name == "head" else {}),
        )
        for name, group in overlay.groups.items()
        for number in range(group.get("replicas", 1))
    ]
