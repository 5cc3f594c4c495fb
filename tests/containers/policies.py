"""Network policies as rules of nftables in the pods' own networks, and who reaches what under them.

A cluster's network plugin does this on its nodes; here each pod has the rules in its own network, where the
programs of the pod may not change them.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from support.deployment import Overlay

from containers.engine import Engine

KUBELET = "kubelet"
_HOOK = "type filter hook {hook} priority 0; policy drop;"
_ANSWERS = "ct state established,related accept; {device} lo accept;"


@dataclass(frozen=True)
class Places:
    """Addresses of those that policies name: pods, each with its labels, and others by their namespace."""

    pods: Mapping[str, Mapping[str, str]]
    """Labels of pods by address."""
    namespaces: Mapping[str, Sequence[str]]
    """Addresses by a namespace's label, as `key=value`, and those of `KUBELET`."""

    def of(self, peer: Mapping[str, Any]) -> list[str]:
        """The addresses of a peer of a policy."""
        if "namespaceSelector" in peer:
            labels = peer["namespaceSelector"]["matchLabels"]
            return [ip for key, value in labels.items() for ip in self.namespaces.get(f"{key}={value}", ())]
        return [ip for ip, labels in self.pods.items() if _matches(peer["podSelector"], labels)]


def rules(overlay: Overlay, pod: Mapping[str, Any], labels: Mapping[str, str], places: Places) -> str:
    """The commands of nft for a pod with these labels, whose container is `pod`'s.

    What no policy selects is open in Kubernetes; every pod of the platform is selected both ways.
    """
    chosen = [
        one["spec"]
        for one in overlay.all("NetworkPolicy").values()
        if _matches(one["spec"]["podSelector"], labels)
    ]
    kubelet = sorted({_port(probe) for name, probe in pod.items() if name.endswith("Probe")})
    lines = ["add table inet policies", "delete table inet policies", "table inet policies {"]
    for hook, kind, key, device, side in (
        ("input", "ingress", "from", "iif", "saddr"),
        ("output", "egress", "to", "oif", "daddr"),
    ):
        lines += [f"chain {hook} {{", _HOOK.format(hook=hook), _ANSWERS.format(device=device)]
        if hook == "input":
            lines += [_accepted("saddr", places.namespaces[KUBELET], "tcp", port) for port in kubelet]
        for rule in (rule for spec in chosen for rule in spec.get(kind, ())):
            peers = [ip for peer in rule[key] for ip in places.of(peer)] if key in rule else None
            ports = [(one.get("protocol", "TCP").lower(), one["port"]) for one in rule.get("ports", ())]
            lines += _open(side, peers, ports)
        lines.append("}")
    return "\n".join([*lines, "}"])


def _open(side: str, peers: list[str] | None, ports: list[tuple[str, int]]) -> Iterator[str]:
    if peers is not None and not peers:
        return
    for protocol, port in ports or [("", 0)]:
        yield _accepted(side, peers, protocol, port)


def _accepted(side: str, peers: Sequence[str] | None, protocol: str, port: int) -> str:
    who = "" if peers is None else f"ip {side} {{ {', '.join(peers)} }} "
    return f"{who}{f'{protocol} dport {port} ' if protocol else ''}accept"


def enforce(engine: Engine, name: str, script: str) -> None:
    """Puts rules into the network of a running container."""
    process = str(engine.inspected(name)["State"]["Pid"])
    command = ["nsenter", "--net", f"--target={process}", "nft", "-f", "-"]
    subprocess.run(command, input=script, text=True, check=True)


def reaches(engine: Engine, name: str, address: str, port: int) -> bool:
    """Tell whether a container can open a connection."""
    there = engine.podman(
        "exec",
        name,
        "timeout",
        "2",
        "bash",
        "-c",
        f"exec 3<>/dev/tcp/{address}/{port} && echo there",
        check=False,
    )
    return there == "there"


def _matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    wanted: Mapping[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()


def _port(probe: Mapping[str, Any]) -> int:
    return int((probe.get("grpc") or probe["httpGet"])["port"])
