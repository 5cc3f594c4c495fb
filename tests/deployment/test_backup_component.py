"""The CronJob that saves collections runs as nobody in particular, by a command that there is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it has no types
import pytest
import yaml
from click.testing import CliRunner
from tieback_client.cli import app

K8S = Path(__file__).parents[2] / "k8s"
KUBERNETES = "1.34"


@pytest.fixture
def job() -> Any:
    return yaml.safe_load((K8S / "components/backup/cronjob.yaml").read_text())


def test_its_pod_has_no_privileges_and_is_let_in_by_the_network_policy(job: Any) -> None:
    pod = job["spec"]["jobTemplate"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]

    kubernetes_validate.validate(job, KUBERNETES, strict=True)
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["metadata"]["labels"]["app.kubernetes.io/part-of"] == "tieback"
    assert job["spec"]["concurrencyPolicy"] == "Forbid"


def test_its_command_is_one_of_the_command_line(job: Any) -> None:
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    program, *words = container["command"]

    asked = CliRunner().invoke(app.tieback, [*words[:-1], "--help"])

    assert program == "tieback"
    assert asked.exit_code == 0, asked.output
    assert "--keep" in words
    assert "--keep" in asked.output


def test_the_smallest_overlay_builds_with_it(tmp_path: Path) -> None:
    kustomize = shutil.which("kustomize")
    if kustomize is None:
        pytest.skip("kustomize is not installed")
    copied = shutil.copytree(K8S, tmp_path / "k8s")
    file = copied / "overlays/minimal/kustomization.yaml"
    overlay = yaml.safe_load(file.read_text())
    overlay["components"] = [*overlay.get("components", []), "../../components/backup"]
    file.write_text(yaml.safe_dump(overlay))

    built = subprocess.run([kustomize, "build", file.parent], capture_output=True, text=True, check=True)

    objects = {(one["kind"], one["metadata"]["name"]) for one in yaml.safe_load_all(built.stdout)}
    assert {("CronJob", "tieback-backup"), ("PersistentVolumeClaim", "tieback-backups")} <= objects
