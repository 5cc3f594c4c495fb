"""The pool of encoders beside the platform: what its pods are, and what KEDA and a picker read of them."""

from __future__ import annotations

from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families
from support.deployment import ROOT, Overlay
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.settings import Settings

LABELS = {"app.kubernetes.io/part-of": "tieback", "app.kubernetes.io/component": "encoders"}


def pod(pool: Overlay) -> Any:
    return pool.all("Deployment")["tieback-encoders"]["spec"]["template"]


def settings(pool: Overlay) -> dict[str, str]:
    """The environment of a pod: later sources win."""
    [container] = pod(pool)["spec"]["containers"]
    named = [one["configMapRef"]["name"] for one in container["envFrom"]]
    merged: dict[str, str] = {}
    for name in named:
        merged |= pool.all("ConfigMap")[name]["data"]
    return merged


def test_its_pods_run_as_nobody_in_particular_with_probes_and_limits(pool: Overlay) -> None:
    spec = pod(pool)["spec"]
    [container] = spec["containers"]

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    assert "memory" in container["resources"]["limits"]
    health = int(settings(pool)["TIEBACK_HEALTH_PORT"])
    assert [container[f"{kind}Probe"]["grpc"]["port"] for kind in ("startup", "readiness", "liveness")] == [
        health
    ] * 3


def test_its_settings_are_ones_that_the_server_takes_and_keep_nothing(pool: Overlay) -> None:
    known = {f"TIEBACK_{name.upper()}": name for name in Settings.model_fields}
    taken: dict[str, Any] = {known[name]: value for name, value in settings(pool).items()}

    found = Settings(**taken)

    assert found.index_enabled is False
    assert not found.milvus
    assert found.doors == ("kserve", "tei")
    assert found.tokens is not None, "the pool asks for tokens as the platform does"
    assert found.tls_certificate is None, "the gateway ends TLS and speaks HTTP to the pods of a pool"


def test_services_policies_and_budget_select_its_pods(pool: Overlay) -> None:
    labels = pod(pool)["metadata"]["labels"]
    selectors = [
        *(pool.all("Service")[name]["spec"]["selector"] for name in ("tieback-encoders", METRICS)),
        pool.all("NetworkPolicy")["tieback-encoders"]["spec"]["podSelector"]["matchLabels"],
        pool.all("NetworkPolicy")["tieback-endpoint-picker"]["spec"]["podSelector"]["matchLabels"],
        pool.all("PodDisruptionBudget")["tieback-encoders"]["spec"]["selector"]["matchLabels"],
        pool.all("InferencePool")["tieback-encoders"]["spec"]["selector"]["matchLabels"],
    ]

    assert all(selector == LABELS for selector in selectors)
    assert LABELS.items() <= labels.items()
    monitored = pool.all("ServiceMonitor")["tieback"]["spec"]["selector"]["matchLabels"]
    assert monitored.items() <= pool.all("Service")[METRICS]["metadata"]["labels"].items()


METRICS = "tieback-encoders-metrics"
"""The Service whose name Prometheus gives the pods' series as their job."""


def test_keda_scales_the_pool_by_tokens_of_its_encoders_alone(pool: Overlay) -> None:
    scaled = pool.all("ScaledObject")["tieback-encoders"]["spec"]
    [trigger] = scaled["triggers"]

    assert scaled["scaleTargetRef"]["name"] in pool.all("Deployment")
    assert "replicas" not in pool.all("Deployment")["tieback-encoders"]["spec"], "each apply would undo KEDA"
    assert scaled["minReplicaCount"] >= 2
    # A reranker counts steps and not tokens, and the platform's own encoders are scaled by Ray.
    assert f'tieback_queued_tokens{{service="encoder",job="{METRICS}"}}' in trigger["metadata"]["query"]
    assert trigger["metadata"]["ignoreNullValues"] == "false"
    assert scaled["fallback"]["behavior"] == "currentReplicasIfHigher"


def test_the_picker_reads_metrics_of_one_series(pool: Overlay) -> None:
    config = yaml.safe_load(pool.all("ConfigMap")["tieback-endpoint-picker"]["data"]["config.yaml"])
    plugins = {one["type"]: one.get("parameters", {}) for one in config["plugins"]}
    [engine] = plugins["core-metrics-extractor"]["engineConfigs"]
    page = Telemetry(Settings(models=ROOT, store=ROOT)).page().decode()
    samples = {
        family.name: [one.labels for one in family.samples] for family in text_string_to_metric_families(page)
    }

    assert engine["name"] == plugins["core-metrics-extractor"]["defaultEngine"]
    assert samples[engine["queuedRequestsSpec"]] == samples[engine["runningRequestsSpec"]] == [{}]
    assert {one["pluginRef"] for one in config["schedulingProfiles"][0]["plugins"]} <= plugins.keys()
    assert config["dataLayer"]["sources"][0]["pluginRef"] in plugins


def test_the_route_leads_to_paths_that_the_door_has_without_collections(pool: Overlay) -> None:
    route = pool.all("HTTPRoute")["tieback-encoders"]["spec"]["rules"][0]
    inference = pool.all("InferencePool")["tieback-encoders"]["spec"]

    paths = {match["path"]["value"] for match in route["matches"]}

    assert paths == {"/v1/embeddings", "/v1/rerank", "/v2/rerank", "/v1/models"}
    assert route["backendRefs"][0]["kind"] == "InferencePool"
    assert inference["targetPorts"] == [{"number": int(settings(pool)["TIEBACK_HTTP_PORT"])}]


def test_schemas_of_custom_kinds_refuse_what_they_do_not_know() -> None:
    import jsonschema

    for name in ("keda/scaledobject", "inference-pool/inferencepool", "inference-pool/httproute"):
        item = yaml.safe_load((ROOT / f"k8s/components/{name}.yaml").read_text())
        schema = yaml.safe_load((ROOT / f"k8s/schemas/{item['kind'].lower()}.json").read_text())
        validator = jsonschema.Draft202012Validator(schema)

        assert not list(validator.iter_errors(item))
        assert list(validator.iter_errors({**item, "spec": {**item["spec"], "replica": 1}}))
