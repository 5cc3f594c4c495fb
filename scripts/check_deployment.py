"""What scripts/check_deployment runs; see there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "monitoring/alerts.yml"
RULE_OBJECT = ROOT / "k8s/components/monitoring/prometheusrule.yaml"
SCHEMAS = ROOT / "scripts/schemas"
# KubeRay's schema is large and not ours to ship; where a checkout lies beside it, it is used.
RAYSERVICE_SCHEMA = ROOT.parent / "shared/schemas/rayservice-v1.json"
KUBERNETES = "1.33"
CUSTOM = {"RayService", "ServiceMonitor", "PrometheusRule"}
OVERLAYS = sorted((ROOT / "k8s/overlays").iterdir())


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


def missing(tool: str, package: str) -> bool:
    """Says how to get a tool that is not here. In CI, not having it is a failure."""
    if shutil.which(tool):
        return False
    message = f"{tool} is not installed (Debian: apt-get install {package})"
    if os.environ.get("CI") == "true":
        raise SystemExit(message)
    print(f"  skipped: {message}")
    return True


def check_overlays() -> None:
    if missing("kustomize", "kustomize"):
        return
    for overlay in OVERLAYS:
        built = subprocess.run(
            ["kustomize", "build", str(overlay)], capture_output=True, text=True, check=False
        )
        if built.returncode:
            raise SystemExit(f"{overlay.name} does not build: {built.stderr}")
        objects = list(yaml.safe_load_all(built.stdout))
        check_objects(overlay.name, objects)
        print(f"  {overlay.name}: {len(objects)} objects")


def check_objects(overlay: str, objects: list[dict[str, Any]]) -> None:
    plain = [item for item in objects if item["kind"] not in CUSTOM]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "objects.yaml"
        path.write_text(yaml.safe_dump_all(plain))
        tool = Path(sys.executable).with_name("kubernetes-validate")
        done = subprocess.run(
            [str(tool), "--strict", "-k", KUBERNETES, str(path)], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise SystemExit(f"{overlay}: {done.stdout}{done.stderr}")
    for item in objects:
        if item["kind"] == "RayService":
            check_rayservice(overlay, item)


def check_rayservice(overlay: str, item: dict[str, Any]) -> None:
    yaml.safe_load(item["spec"]["serveConfigV2"])
    if not RAYSERVICE_SCHEMA.exists():
        print(f"  {overlay}: the RayService was not checked, KubeRay's schema is not at hand")
        return
    schema = json.loads(RAYSERVICE_SCHEMA.read_text())
    for fault in jsonschema.Draft202012Validator(schema).iter_errors(item):
        place = ".".join(str(part) for part in fault.absolute_path)
        raise SystemExit(f"{overlay}: RayService: {place}: {fault.message}")


def check_compose() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    schema = json.loads((SCHEMAS / "compose-spec.json").read_text())
    for fault in jsonschema.Draft7Validator(schema).iter_errors(compose):
        place = ".".join(str(part) for part in fault.absolute_path)
        raise SystemExit(f"docker-compose.yml: {place}: {fault.message}")
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("./") and not (ROOT / source).exists():
                raise SystemExit(f"docker-compose.yml mounts {source}, which does not exist")
    print(f"  docker-compose.yml: {len(compose['services'])} services")


def check_rules() -> None:
    if RULE_OBJECT.read_text() != rule_object():
        raise SystemExit(f"{RULE_OBJECT.name} is not made from {RULES.name}: scripts/check_deployment --write")
    if missing("promtool", "prometheus"):
        return
    for arguments in (["rules", str(RULES)], ["config", "--syntax-only", str(ROOT / "monitoring/prometheus.yml")]):
        done = subprocess.run(["promtool", "check", *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"promtool check {arguments[0]}: {done.stdout}{done.stderr}")
    print(f"  {RULES.name}: {done.stdout.strip().splitlines()[-1].strip() if done.stdout else 'valid'}")


def main() -> None:
    if "--write" in sys.argv[1:]:
        RULE_OBJECT.write_text(rule_object())
    print("deployment:")
    check_rules()
    check_overlays()
    check_compose()


if __name__ == "__main__":
    main()
