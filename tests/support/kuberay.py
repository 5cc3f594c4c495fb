"""Pods as KubeRay's operator makes them of an overlay: parameters of `ray start`, ports that are listened on.

The operator's defaults are those of 1.5 (`setMissingRayStartParams` in its controllers/ray/common/pod.go).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tieback.serving.settings import Settings

from support.deployment import Overlay

# Ray's own defaults of a head that names none. The dashboard deploys, clients of Ray connect to the last.
_PORTS_OF_HEAD = {"port": 6379, "dashboard-port": 8265, "ray-client-server-port": 10001}
_METRICS_OF_HEAD = {"the autoscaler's metrics": 44217, "the dashboard's metrics": 44227}
WORKER_PORTS = range(10002, 20000)
"""Ports of Ray's processes: any of these, where `ray start` names no others."""
_UNITS = {"": 1, "Mi": 2**20, "Gi": 2**30}


def start_parameters(overlay: Overlay, group: str) -> dict[str, str]:
    """The parameters of `ray start` in a pod of a group: those that it names, and the operator's."""
    named = overlay.groups[group]["rayStartParams"]
    limit = overlay.pods[group]["spec"]["containers"][0]["resources"]["limits"]["memory"]
    defaults = {
        "metrics-export-port": "8080",
        "dashboard-agent-listen-port": "52365",
        "memory": str(_bytes(limit)),
    }
    return {**defaults, **named, "block": "true"}


def ray_ports(overlay: Overlay, group: str) -> dict[str, int]:
    """Ports of Ray in a pod of a group, by the parameters of `ray start` that change them."""
    given = start_parameters(overlay, group)
    defaults = _PORTS_OF_HEAD if group == "head" else {}
    return defaults | {name: int(value) for name, value in given.items() if name.endswith("port")}


def own_ports(settings: Mapping[str, Any]) -> dict[str, int]:
    """Ports of a gateway, or of a server in one process, by the names of its settings."""
    fields = {
        f"TIEBACK_{name.upper()}": field.default
        for name, field in Settings.model_fields.items()
        if name == "port" or name.endswith("_port")
    }
    given = {name: settings.get(name, default) for name, default in fields.items()}
    return {name: int(port) for name, port in given.items() if port}


def listeners(overlay: Overlay) -> dict[str, dict[str, int]]:
    """By kind of pod, the ports on which something listens there, by what it is."""
    found = {group: ray_ports(overlay, group) for group in overlay.groups}
    found["head"] |= _METRICS_OF_HEAD
    for group in offering(overlay, overlay.settings["TIEBACK_PIN_RESOURCE"]):
        found[group] |= own_ports(overlay.settings)
    maps = overlay.all("ConfigMap")
    for name, deployment in overlay.all("Deployment").items():
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        settings: dict[str, str] = {}
        for source in container["envFrom"]:
            settings |= maps[source["configMapRef"]["name"]]["data"]
        found[name] = own_ports(settings)
    return found


def offering(overlay: Overlay, resource: str) -> set[str]:
    """The groups whose pods offer a resource of Ray."""
    return {name for name, group in overlay.groups.items() if resource in str(group["rayStartParams"])}


def _bytes(quantity: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(\D*)", quantity).groups()  # type: ignore[union-attr]  # else it raises
    return int(number) * _UNITS[unit]
