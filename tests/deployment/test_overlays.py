"""What the Kubernetes overlays ask a cluster for."""

from __future__ import annotations

from typing import Any

import yaml
from ray.serve.schema import ServeDeploySchema
from support.deployment import Overlay
from support.kuberay import WORKER_PORTS, listeners, offering
from tieback.serving.mesh import directory
from tieback.serving.plan import Plan
from tieback.serving.processes.deployments import serve_config
from tieback.serving.processes.services import SERVICES
from tieback.serving.settings import Settings

PUBLIC, HTTP, HEALTH, METRICS = 50051, 8080, 50052, 9464
RAYS_METRICS = 8081


def containers(overlay: Overlay) -> dict[str, dict[str, Any]]:
    """The only container of every group's pods."""
    return {name: pod["spec"]["containers"][0] for name, pod in overlay.pods.items()}


def ports(container: dict[str, Any]) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for port in container.get("ports", ())}


def peers(rules: list[dict[str, Any]], key: str) -> dict[str, set[int]]:
    """Who is let through, as a readable name, and to which ports; none named means all."""
    found: dict[str, set[int]] = {}
    for rule in rules:
        for peer in rule.get(key, [{"anybody": {"matchLabels": {"": "anybody"}}}]):
            selector = next(iter(peer.values()))["matchLabels"]
            found["/".join(selector.values())] = {port["port"] for port in rule.get("ports", ())}
    return found


def test_every_container_runs_as_nobody_in_particular_and_without_privileges(overlay: Overlay) -> None:
    for pod in overlay.pods.values():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))
        assert not any("hostPath" in volume for volume in spec["volumes"])
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            }


def test_the_namespace_refuses_pods_with_privileges(overlay: Overlay) -> None:
    labels = overlay.all("Namespace")["tieback"]["metadata"]["labels"]

    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_autoscaler_beside_the_head_has_no_privileges_either(gpu: Overlay) -> None:
    assert gpu.cluster["autoscalerOptions"]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }


def test_a_pod_may_speak_to_kubernetes_only_where_the_autoscaler_must(
    gpu: Overlay, production: Overlay
) -> None:
    def speaking(overlay: Overlay) -> set[str]:
        return {name for name, pod in overlay.pods.items() if pod["spec"]["automountServiceAccountToken"]}

    assert speaking(production) == set()
    assert speaking(gpu) == {"head"}


def test_every_container_says_what_it_needs_and_where_it_stops(overlay: Overlay) -> None:
    for container in containers(overlay).values():
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]


def test_the_platform_is_ready_when_grpc_health_says_so(overlay: Overlay) -> None:
    probe = containers(overlay)["platform"]["readinessProbe"]

    # With several, of the pipeline alone: the one replica of the operations must not close all doors.
    pipeline = {"service": "tieback.v1.AnswerService"} if overlay.name == "replicated" else {}
    assert probe["grpc"] == {"port": HEALTH} | pipeline
    assert overlay.settings["TIEBACK_HEALTH_PORT"] == str(HEALTH)


def test_the_head_is_ready_before_anything_is_deployed_on_it(overlay: Overlay) -> None:
    """KubeRay deploys once the head is ready, so a head that waited for a service would wait forever."""
    probe = containers(overlay)["head"]["readinessProbe"]

    assert probe["httpGet"] == {"port": 8265, "path": "/api/gcs_healthz"}
    assert overlay.groups["head"]["rayStartParams"]["dashboard-host"] == "0.0.0.0"


def test_every_pod_has_probes_of_its_own(overlay: Overlay) -> None:
    """Those that KubeRay would give it call a program that the image lacks, or ask a proxy that is off."""
    for container in containers(overlay).values():
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()
        assert not any("exec" in container[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness"))


def test_the_head_has_the_ports_that_kuberay_looks_for_by_name(overlay: Overlay) -> None:
    assert ports(containers(overlay)["head"]) == {
        "gcs-server": 6379,
        "dashboard": 8265,
        "serve": PUBLIC,
        "metrics": RAYS_METRICS,
    }


def test_the_name_that_kuberay_has_for_rays_page_of_metrics_is_that_of_its_port(overlay: Overlay) -> None:
    """It would name 8080 so, and have Ray listen there, where a group names none."""
    for name, container in containers(overlay).items():
        assert overlay.groups[name]["rayStartParams"]["metrics-export-port"] == str(RAYS_METRICS)
        assert ports(container)["metrics"] == RAYS_METRICS


def test_no_two_listeners_of_a_pod_share_a_port(overlay: Overlay) -> None:
    for pod, listening in listeners(overlay).items():
        assert len(set(listening.values())) == len(listening), f"{pod}: {listening}"
        assert not set(listening.values()) & set(WORKER_PORTS), f"{pod}: {listening}"


def test_every_port_that_a_pod_names_is_listened_on(overlay: Overlay) -> None:
    for name, container in containers(overlay).items():
        named = {one: port for one, port in ports(container).items() if (name, one) != ("head", "serve")}
        assert set(named.values()) <= set(listeners(overlay)[name].values())


def test_kubernetes_own_variables_do_not_become_settings(overlay: Overlay) -> None:
    """A Service named tieback-metrics would set TIEBACK_METRICS_PORT to something like
    tcp://10.0.0.7:9464.
    """
    assert all(pod["spec"]["enableServiceLinks"] is False for pod in overlay.pods.values())


def test_the_settings_are_ones_that_the_server_knows_and_takes(overlay: Overlay) -> None:
    known = {f"TIEBACK_{name.upper()}": name for name in Settings.model_fields}

    given: dict[str, Any] = {known[name]: value for name, value in overlay.settings.items()}

    settings = Settings(**given)

    assert settings.host == "0.0.0.0"
    assert (settings.port, settings.http_port) == (PUBLIC, HTTP)
    assert (settings.health_port, settings.metrics_port) == (HEALTH, METRICS)


def test_every_pod_has_the_same_settings(overlay: Overlay) -> None:
    for container in containers(overlay).values():
        assert container["envFrom"] == [{"configMapRef": {"name": "tieback-settings"}}]
        assert "env" not in container


def test_the_paths_in_the_settings_are_mounted_where_they_are_read(overlay: Overlay) -> None:
    for name in overlay.pods.keys() - {"head"}:
        mounts = [mount["mountPath"] for mount in containers(overlay)[name]["volumeMounts"]]
        paths = [value for value in overlay.settings.values() if value.startswith("/secrets/")]
        assert all(path.rpartition("/")[0] in mounts for path in paths)
    assert overlay.settings["TIEBACK_STORE"] in [
        mount["mountPath"] for mount in containers(overlay)[store(overlay)]["volumeMounts"]
    ]


def store(overlay: Overlay) -> str:
    """The only group that may run what needs the store."""
    settings = overlay.settings
    [found] = offering(overlay, settings.get("TIEBACK_STORE_RESOURCE") or settings["TIEBACK_PIN_RESOURCE"])
    return found


def test_what_stores_something_is_pinned_to_the_only_pod_with_the_volume(overlay: Overlay) -> None:
    assert overlay.groups[store(overlay)]["maxReplicas"] == 1
    assert {name for name, pod in overlay.pods.items() if "tieback-data" in str(pod["spec"]["volumes"])} == {
        store(overlay)
    }


def test_gateways_are_pinned_to_the_pods_that_clients_reach(overlay: Overlay) -> None:
    assert offering(overlay, overlay.settings["TIEBACK_PIN_RESOURCE"]) == {"platform"}


def test_two_replicas_of_each_service_have_room_on_different_nodes(replicated: Overlay) -> None:
    settings, platform = replicated.settings, replicated.groups["platform"]
    affinity = replicated.pods["platform"]["spec"]["affinity"]["podAntiAffinity"]
    [term] = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
    [budget] = [
        one for name, one in replicated.all("PodDisruptionBudget").items() if name == "tieback-platform"
    ]

    assert settings["TIEBACK_REPLICAS"] == "2"
    assert settings["TIEBACK_REPLICAS_PER_NODE"] == "1"
    assert settings["TIEBACK_MILVUS"]
    assert term["topologyKey"] == "kubernetes.io/hostname"
    assert replicated.selected(term["labelSelector"]["matchLabels"]) == {"platform"}
    # One more than replicas, so that those of a lost pod start at once; every pod has a gateway.
    assert platform["minReplicas"] == platform["replicas"] == platform["maxReplicas"] == 3
    assert settings["TIEBACK_GATEWAYS"] == "3"
    assert budget["spec"]["minAvailable"] == 2
    assert replicated.groups["store"]["rayStartParams"]["num-cpus"] == "0"  # for what is stored alone


def test_what_holds_the_state_of_replicated_services_can_be_reached(replicated: Overlay) -> None:
    policy = replicated.all("NetworkPolicy")["tieback-state"]["spec"]

    assert peers(policy["egress"], "to") == {"milvus": {19530}, "redis": {6379}}
    assert replicated.settings["TIEBACK_MILVUS"].endswith(":19530")
    assert replicated.cluster["gcsFaultToleranceOptions"]["redisAddress"].endswith(":6379")
    assert replicated.selected(policy["podSelector"]["matchLabels"]) == {"head", "platform", "store"}


def test_nothing_of_ours_runs_on_the_head(overlay: Overlay) -> None:
    assert overlay.groups["head"]["rayStartParams"]["num-cpus"] == "0"
    assert float(overlay.settings["TIEBACK_REPLICA_CPUS"]) > 0


def test_the_platform_pod_holds_a_rollout_beside_what_it_replaces(overlay: Overlay) -> None:
    plan = Plan(Settings())
    deployments = len([directory.GATEWAY, *(one for each in SERVICES for one in each.own_deployments(plan))])
    cores = float(overlay.groups["platform"]["rayStartParams"]["num-cpus"])

    assert 2 * deployments * float(overlay.settings["TIEBACK_REPLICA_CPUS"]) <= cores


def test_the_volume_admits_one_pod(overlay: Overlay) -> None:
    assert overlay.all("PersistentVolumeClaim")["tieback-data"]["spec"]["accessModes"] == ["ReadWriteOncePod"]
    assert overlay.all("RayService")["tieback"]["spec"]["upgradeStrategy"] == {"type": "None"}


def test_the_application_is_the_one_that_tieback_serve_prints(overlay: Overlay) -> None:
    config = yaml.safe_load(overlay.all("RayService")["tieback"]["spec"]["serveConfigV2"])

    assert config == yaml.safe_load(serve_config(Settings(), ()))
    assert ServeDeploySchema.model_validate(config).proxy_location == "Disabled"


def test_rays_control_ports_want_a_token(overlay: Overlay) -> None:
    assert overlay.cluster["authOptions"] == {"mode": "token"}


def test_evictions_wait_for_a_person(overlay: Overlay) -> None:
    budgets = overlay.all("PodDisruptionBudget").values()

    assert set().union(*(overlay.selected(one["spec"]["selector"]["matchLabels"]) for one in budgets)) == {
        "platform",
        "head",
    }
    # For the pods of an operator, Kubernetes computes minAvailable alone, and as a number.
    pods = {"tieback-head": 1, "tieback-platform": max(1, overlay.groups["platform"]["replicas"] - 1)}
    of_the_operator = [one for one in budgets if one["metadata"]["name"] in pods]
    assert {one["metadata"]["name"]: one["spec"]["minAvailable"] for one in of_the_operator} == pods
    assert all("maxUnavailable" not in one["spec"] for one in of_the_operator)


def test_services_lead_to_the_platforms_ports(overlay: Overlay) -> None:
    named = ports(containers(overlay)["platform"])
    services = overlay.all("Service")

    for name, service in services.items():
        pool = name.startswith("tieback-encoders")
        assert overlay.selected(service["spec"]["selector"]) == (set() if pool else {"platform"})
        assert all(port["targetPort"] in named for port in service["spec"]["ports"])
    assert services["tieback"]["spec"]["ports"][0]["port"] == PUBLIC
    # What is not ready is what its metrics are needed for.
    assert services["tieback-metrics"]["spec"]["publishNotReadyAddresses"] is True
    assert not services["tieback"]["spec"].get("publishNotReadyAddresses")


def test_the_network_lets_in_clients_prometheus_and_the_operator_and_nobody_else(production: Overlay) -> None:
    policies = production.all("NetworkPolicy")

    allowed = {name: peers(policy["spec"]["ingress"], "from") for name, policy in policies.items()}

    assert allowed == {
        "tieback": {"tieback": set()},
        "tieback-platform": {"true": {PUBLIC, HTTP}, "monitoring": {METRICS}},
        "tieback-encoders": {"true": {PUBLIC, HTTP}, "monitoring": {METRICS}},
        "tieback-head": {"kuberay-system": {8265}},
    }
    clients = policies["tieback-platform"]["spec"]["ingress"][0]["from"]
    assert clients == [{"namespaceSelector": {"matchLabels": {"tieback.dev/client": "true"}}}]


def test_the_network_lets_out_names_traces_and_the_autoscaler_and_nothing_else(production: Overlay) -> None:
    policies = production.all("NetworkPolicy")

    allowed = {
        name: peers(policy["spec"]["egress"], "to")
        for name, policy in policies.items()
        if "Egress" in policy["spec"]["policyTypes"]
    }

    assert allowed == {
        "tieback": {"tieback": set(), "kube-system": {53}, "monitoring": {4317}},
        "tieback-head": {"anybody": {443, 6443}},
    }


def test_a_network_policy_covers_every_pod(gpu: Overlay) -> None:
    policies = gpu.all("NetworkPolicy")

    covered = {
        name: gpu.selected(one["spec"]["podSelector"]["matchLabels"]) for name, one in policies.items()
    }

    assert covered == {
        "tieback": {"head", "platform", "gpu"},
        "tieback-platform": {"platform"},
        "tieback-encoders": set(),
        "tieback-head": {"head"},
    }


def test_prometheus_keeps_the_labels_that_the_page_gives(production: Overlay) -> None:
    monitor = production.all("ServiceMonitor")["tieback"]["spec"]
    service = production.all("Service")["tieback-metrics"]

    assert monitor["endpoints"][0]["honorLabels"] is True
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] in [port["name"] for port in service["spec"]["ports"]]


def test_production_wants_tokens_and_tls(production: Overlay) -> None:
    settings = production.settings
    secrets = {
        volume["secret"]["secretName"]
        for volume in production.pods["platform"]["spec"]["volumes"]
        if "secret" in volume
    }

    assert {"TIEBACK_TOKENS", "TIEBACK_TLS_CERTIFICATE", "TIEBACK_TLS_KEY"} <= settings.keys()
    assert secrets == {"tieback-tokens", "tieback-tls"}
    assert not production.all("Secret")  # made by whoever deploys, never committed


def test_gpu_workers_hold_a_rollout_beside_what_it_replaces(gpu: Overlay) -> None:
    limits = containers(gpu)["gpu"]["resources"]["limits"]
    accelerated = len(Plan(Settings()).encoders) + 1  # and the generator

    assert limits["nvidia.com/gpu"] == "1"
    assert 2 * accelerated * float(gpu.settings["TIEBACK_REPLICA_GPUS"]) <= 1
    assert gpu.settings["TIEBACK_PROVIDER"] == "cuda"
    assert containers(gpu)["gpu"]["image"].endswith("-gpu")
    assert not containers(gpu)["platform"]["image"].endswith("-gpu")


def test_the_image_has_the_version_of_the_project_and_ray_the_one_that_is_installed(overlay: Overlay) -> None:
    import ray
    import tieback

    tags = {
        container["image"].partition(":")[2].removesuffix("-gpu")
        for container in containers(overlay).values()
    }

    assert tags == {tieback.__version__}
    assert overlay.cluster["rayVersion"] == ray.__version__
