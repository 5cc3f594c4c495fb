"""What scripts/check_deployment runs; see there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_chart
import jsonschema
import kubernetes_validate
import yaml
from compose_spec import PyCompose

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = ROOT / "docker-compose.yml"
RULES = ROOT / "monitoring/alerts.yml"
RULE_OBJECT = ROOT / "k8s/components/monitoring/prometheusrule.yaml"
# KubeRay's schema is large and not ours to ship; where it lies beside a checkout, it is used.
RAYSERVICE_SCHEMA = ROOT.parent / "shared/schemas/rayservice-v1.json"
KUBERNETES = "1.34"
SCHEMAS = ROOT / "k8s/schemas"
CUSTOM = {
    "RayService",
    "ServiceMonitor",
    "PrometheusRule",
    "ScaledObject",
    "InferencePool",
    "HTTPRoute",
}  # no part of Kubernetes, which knows no schema of them
HELM = str(ROOT / "scripts/helm")


def rule_object() -> str:
    """The PrometheusRule that holds monitoring/alerts.yml."""
    made = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "tieback"},
        "spec": yaml.safe_load(RULES.read_text()),
    }
    head = "# Made from monitoring/alerts.yml by scripts/check_deployment --write; edit that file.\n"
    return head + yaml.safe_dump(made, sort_keys=False, width=110)


def is_missing(tool: str, package: str) -> bool:
    """Says how to get a tool that is not here. In CI, not having it is a failure."""
    if shutil.which(tool):
        return False
    message = f"{tool} is not installed (Debian: apt-get install {package})"
    if os.environ.get("CI") == "true":
        raise SystemExit(message)
    print(f"  skipped: {message}")
    return True


def run(*command: str) -> str:
    """The output of a command; ends the check with what it says where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def check_overlays() -> None:
    """Builds every overlay and holds its objects against their schemas."""
    if is_missing("kustomize", "kustomize"):
        return
    schema = json.loads(RAYSERVICE_SCHEMA.read_text()) if RAYSERVICE_SCHEMA.exists() else None
    if schema is None:
        print("  KubeRay's schema is not at hand: of the RayService, only its pods are checked")
    for overlay in sorted((ROOT / "k8s/overlays").iterdir()):
        objects = list(yaml.safe_load_all(run("kustomize", "build", str(overlay))))
        for item in objects:
            place = f"{overlay.name}: {item['kind']} {item['metadata']['name']}"
            if item["kind"] not in CUSTOM:
                check_object(place, item)
            for pod in pods(item):
                check_object(place, pod)
            if item["kind"] == "RayService" and schema is not None:
                check_schema(place, item, schema)
            check_custom(place, item)
        print(f"  {overlay.name}: {len(objects)} objects")


def pods(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The pods of a RayService as Kubernetes will see them."""
    if item["kind"] == "RayService":
        cluster = item["spec"]["rayClusterConfig"]
        for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
            yield {"apiVersion": "v1", "kind": "Pod", **group["template"]}


def check_object(place: str, item: dict[str, Any]) -> None:
    """Holds an object of a built-in kind against Kubernetes's own schema, which knows no further fields."""
    try:
        kubernetes_validate.validate(item, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as fault:
        raise SystemExit(f"{place}: {dotted(fault)}: {fault.message}") from None


def check_schema(place: str, item: dict[str, Any], schema: dict[str, Any]) -> None:
    """Holds an object against a JSON schema."""
    for fault in jsonschema.Draft202012Validator(schema).iter_errors(item):
        raise SystemExit(f"{place}: {dotted(fault)}: {fault.message}")


def check_custom(place: str, item: dict[str, Any]) -> None:
    """Holds an object against the schema of its kind in k8s/schemas, if there is one."""
    file = SCHEMAS / f"{item['kind'].lower()}.json"
    if file.exists():
        check_schema(place, item, json.loads(file.read_text()))
    if item["kind"] == "ScaledObject":  # KEDA makes an autoscaler of it, with what is under this name
        behavior = item["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        autoscaler = {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": item["metadata"],
            "spec": {"maxReplicas": 1, "scaleTargetRef": {"kind": "a", "name": "a"}, "behavior": behavior},
        }
        check_object(place, autoscaler)


def check_chart() -> None:
    """Compares what Helm makes of the chart with what kustomize builds: each overlay and component."""
    if is_missing("kustomize", "kustomize"):
        return
    if subprocess.run([HELM, "version"], capture_output=True, check=False).returncode:
        if os.environ.get("CI") == "true":
            raise SystemExit(run(HELM, "version"))
        print("  skipped: Helm is neither installed nor to be had (scripts/helm version says why)")
        return
    there = {str(path.relative_to(helm_chart.CHART)): path for path in helm_chart.CHART.rglob("*")}
    if {name: path.read_text() for name, path in there.items() if path.is_file()} != helm_chart.chart():
        raise SystemExit("k8s/chart is not made of what is in k8s: scripts/check_deployment --write")
    run(HELM, "lint", "--strict", "--quiet", str(helm_chart.CHART))
    for overlay in sorted((ROOT / "k8s/overlays").iterdir()):
        built = helm_chart.by_name(yaml.safe_load_all(run("kustomize", "build", str(overlay))))
        preset = helm_chart.CHART / f"presets/{overlay.name}.yaml"
        compare(f"overlay {overlay.name}", built, rendered("--values", str(preset)))
    components = helm_chart.components()
    for name, component in components.items():
        needed = [*component.get("needs", ()), name]
        folders = tuple(components[one]["folder"] for one in needed)
        on = [word for one in needed for word in ("--set", f"{one}.enabled=true")]
        compare(f"component {component['folder']}", helm_chart.build(folders), rendered(*on))
    print(f"  k8s/chart: the objects of kustomize, for every overlay and {len(components)} components alone")


def rendered(*options: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The objects that Helm makes of the chart."""
    fixed = ("--namespace", helm_chart.NAME, "--set", "namespace.create=true")
    made = run(HELM, "template", helm_chart.NAME, str(helm_chart.CHART), *fixed, *options)
    return helm_chart.by_name(yaml.safe_load_all(made))


def compare(place: str, kustomized: Any, helmed: Any, path: str = "") -> None:
    """Ends the check at the first difference."""
    if isinstance(kustomized, dict) and isinstance(helmed, dict) and kustomized.keys() == helmed.keys():
        for key, value in kustomized.items():
            compare(place, value, helmed[key], f"{path}.{'/'.join(key) if isinstance(key, tuple) else key}")
    elif isinstance(kustomized, list) and isinstance(helmed, list) and len(kustomized) == len(helmed):
        for number, value in enumerate(kustomized):
            compare(place, value, helmed[number], f"{path}.{number}")
    elif kustomized != helmed or type(kustomized) is not type(helmed):
        raise SystemExit(f"{place}: {path[1:]}: kustomize has {kustomized!r}, Helm {helmed!r}")


def dotted(fault: jsonschema.ValidationError) -> str:
    return ".".join(str(part) for part in fault.absolute_path)


def check_compose() -> None:
    """Holds the compose file against the Compose specification, and its mounts against this checkout."""
    text = COMPOSE.read_text()
    try:
        PyCompose.from_yaml(text).validate()
    except ValueError as fault:
        raise SystemExit(f"{COMPOSE.name}: {fault}") from None
    services = yaml.safe_load(text)["services"]
    for name, service in services.items():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("./") and not (ROOT / source).exists():
                raise SystemExit(f"{COMPOSE.name}: {name} mounts {source}, which does not exist")
    print(f"  {COMPOSE.name}: {len(services)} services")


def check_rules() -> None:
    """Lets Prometheus itself read its configuration and its rules."""
    if RULE_OBJECT.read_text() != rule_object():
        raise SystemExit(
            f"{RULE_OBJECT.name} is not made from {RULES.name}: scripts/check_deployment --write"
        )
    if is_missing("promtool", "prometheus"):
        return
    rules = run("promtool", "check", "rules", str(RULES))
    run("promtool", "check", "config", "--syntax-only", str(RULES.with_name("prometheus.yml")))
    print(f"  {RULES.name}: {rules.strip().splitlines()[-1].strip()}")


def main() -> None:
    if "--write" in sys.argv[1:]:
        RULE_OBJECT.write_text(rule_object())
        helm_chart.write()
    print("deployment:")
    check_rules()
    check_overlays()
    check_chart()
    check_compose()


if __name__ == "__main__":
    main()
