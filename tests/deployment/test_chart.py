"""What a user of the Helm chart chooses, and what the chart refuses."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.deployment import ROOT

HELM = str(ROOT / "scripts/helm")
CHART = ROOT / "k8s/chart"


@functools.cache
def is_there() -> str:
    done = subprocess.run([HELM, "version"], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr


@pytest.fixture(autouse=True)
def helm() -> None:
    if why := is_there():
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(f"Helm is not to be had: {why}")


def template(tmp_path: Path, values: dict[str, Any], *options: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    command = [HELM, "template", "mine", str(CHART), "--namespace", "here", "--values", str(file), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def objects(tmp_path: Path, values: dict[str, Any], *options: str) -> dict[tuple[str, str], Any]:
    done = template(tmp_path, values, *options)
    assert done.returncode == 0, done.stderr
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(done.stdout) if one}


def test_what_is_chosen_is_in_the_objects(tmp_path: Path) -> None:
    found = objects(
        tmp_path,
        {
            "image": "registry.example/tieback:9",
            "imagePullSecrets": [{"name": "registry"}],
            "settings": {"TIEBACK_REPLICAS": "3", "TIEBACK_LOG_FORMAT": "text"},
            "storage": {"size": "1Ti", "className": "fast"},
            "platform": {"nodeSelector": {"disk": "nvme"}},
        },
    )
    cluster = found["RayService", "tieback"]["spec"]["rayClusterConfig"]
    pods = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    specs = [one["template"]["spec"] for one in pods]

    assert {one["containers"][0]["image"] for one in specs} == {"registry.example/tieback:9"}
    assert all(one["imagePullSecrets"] == [{"name": "registry"}] for one in specs)
    assert [one.get("nodeSelector") for one in specs] == [None, {"disk": "nvme"}]
    settings = found["ConfigMap", "tieback-settings"]["data"]
    assert settings["TIEBACK_REPLICAS"] == "3"
    assert settings["TIEBACK_LOG_FORMAT"] == "text"
    assert settings["TIEBACK_STORE"] == "/data"
    volume = found["PersistentVolumeClaim", "tieback-data"]["spec"]
    assert volume["storageClassName"] == "fast"
    assert volume["resources"]["requests"]["storage"] == "1Ti"
    assert {one["metadata"]["namespace"] for one in found.values()} == {"here"}


def test_the_components_of_a_pool_are_chosen_with_their_numbers(tmp_path: Path) -> None:
    pool = {"enabled": True, "resources": {"requests": {"cpu": "4"}}, "settings": {"TIEBACK_SPACES": "a"}}
    keda = {"enabled": True, "threshold": "900", "maxReplicas": 20, "serverAddress": "http://mine:9090"}

    found = objects(tmp_path, {"encoders": pool, "keda": keda})

    scaled = found["ScaledObject", "tieback-encoders"]["spec"]
    deployment = found["Deployment", "tieback-encoders"]["spec"]
    assert scaled["maxReplicaCount"] == 20
    assert scaled["triggers"][0]["metadata"]["threshold"] == "900"
    assert scaled["triggers"][0]["metadata"]["serverAddress"] == "http://mine:9090"
    assert "replicas" not in deployment
    [container] = deployment["template"]["spec"]["containers"]
    assert container["resources"]["requests"] == {
        "cpu": "4",
        "memory": "3Gi",
    }  # maps are merged, as Helm does
    assert found["ConfigMap", "tieback-encoders-settings"]["data"]["TIEBACK_SPACES"] == "a"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"imgae": "tieback:1"}, "imgae"),
        ({"settings": {"REPLICAS": "3"}}, "REPLICAS"),
        ({"settings": {"TIEBACK_REPLICAS": 3}}, "string"),
        ({"keda": {"enabled": True}}, "encoders"),
        ({"gpu": {"maxReplicas": -1}}, "minimum"),
        ({"secrets": True}, "secrets"),
    ],
    ids=str,
)
def test_values_that_are_wrong_are_refused_by_name(tmp_path: Path, values: dict[str, Any], said: str) -> None:
    done = template(tmp_path, values)

    assert done.returncode != 0
    assert said in done.stderr


def test_texts_that_look_like_templates_are_texts(tmp_path: Path) -> None:
    found = objects(tmp_path, {"monitoring": {"enabled": True}})

    summaries = yaml.safe_dump(found["PrometheusRule", "tieback"])
    assert "{{ $labels.service }}" in summaries
    legend = found["ConfigMap", "tieback-dashboard"]["data"]["tieback.json"]
    assert legend == (ROOT / "k8s/components/monitoring/tieback.json").read_text()
