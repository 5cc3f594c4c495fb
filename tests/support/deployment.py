"""What the deployment's files become: overlays as kustomize builds them, the dashboard, the alert rules."""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from support.installed import need

ROOT = Path(__file__).resolve().parents[2]
OVERLAYS = sorted(folder.name for folder in (ROOT / "k8s/overlays").iterdir())


@dataclass(frozen=True)
class Overlay:
    """An overlay's objects, as `kubectl apply -k` would send them."""

    name: str
    objects: tuple[dict[str, Any], ...]

    def all(self, kind: str) -> dict[str, dict[str, Any]]:
        """Objects of a kind, by name."""
        return {item["metadata"]["name"]: item for item in self.objects if item["kind"] == kind}

    @property
    def settings(self) -> dict[str, str]:
        """The environment of every pod."""
        return dict(self.all("ConfigMap")["tieback-settings"]["data"])

    @property
    def cluster(self) -> dict[str, Any]:
        return dict(self.all("RayService")["tieback"]["spec"]["rayClusterConfig"])

    @property
    def groups(self) -> dict[str, dict[str, Any]]:
        """Ray's groups of pods, by name; the head's is "head"."""
        workers = {group["groupName"]: group for group in self.cluster["workerGroupSpecs"]}
        return {"head": self.cluster["headGroupSpec"], **workers}

    @property
    def pods(self) -> dict[str, dict[str, Any]]:
        """The pod template of every group."""
        return {name: group["template"] for name, group in self.groups.items()}

    def selected(self, selector: dict[str, str]) -> set[str]:
        """The groups whose pods have these labels."""
        return {
            name for name, pod in self.pods.items() if selector.items() <= pod["metadata"]["labels"].items()
        }


@functools.cache
def build(name: str) -> Overlay:
    kustomize = need("kustomize", "kustomize")
    done = subprocess.run(
        [kustomize, "build", str(ROOT / "k8s/overlays" / name)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Overlay(name, tuple(yaml.safe_load_all(done.stdout)))


@dataclass(frozen=True)
class Query:
    """An expression of the dashboard, and the labels that its legend shows."""

    panel: str
    expression: str
    legend: str

    def over(self, window: str) -> str:
        """The expression with Grafana's variable filled in."""
        return self.expression.replace("$__rate_interval", window)


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "k8s/components/monitoring/tieback.json").read_text())
    return found


def queries() -> Iterator[Query]:
    """All expressions of the dashboard."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield Query(panel["title"], target["expr"], target["legendFormat"])


def alerts() -> list[dict[str, Any]]:
    """All alerting rules."""
    groups = yaml.safe_load((ROOT / "monitoring/alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]
