"""The RayService, deployed on a Ray cluster of two nodes as KubeRay does it; only Kubernetes is missing."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from support.deployment import Overlay, build
from support.ray_nodes import RayNodes
from support.running_platform import wait_for
from support.trace_collector import TraceCollector, trace_collector
from tieback.serving.settings import Settings
from tieback.v1 import answer_pb2, answer_pb2_grpc, content_pb2, query_pb2, report_pb2
from tieback_client import Client, Item, Section

pytestmark = pytest.mark.ray
# Two light ones, so that there is a joint space.
SPACES = ("paraphrase-minilm-l3-v2", "wordllama-256")


@dataclass(frozen=True)
class Deployed:
    """A running platform: its ports, what Ray Serve says of it, and the spans that it sent."""

    nodes: RayNodes
    serve: dict[str, Any]
    port: int
    health_port: int
    collector: TraceCollector


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    overlay = build("minimal")
    folder = tmp_path_factory.mktemp("kuberay")
    with trace_collector() as collector:
        settings = {
            "TIEBACK_HOST": "127.0.0.1",
            "TIEBACK_MODELS": str(Settings().models.expanduser()),
            "TIEBACK_STORE": str(folder / "store"),
            "TIEBACK_SPACES": ",".join(SPACES),
            "TIEBACK_GENERATOR": "none",
            "TIEBACK_OTLP_ENDPOINT": collector.address,
        }
        with RayNodes(overlay, "platform", folder, **settings) as nodes:
            nodes.wait_until_healthy(nodes.port("platform", 52365), _liveness(overlay))
            said = nodes.deploy(_config(overlay))
            port, health_port = (nodes.port("platform", one) for one in (50051, 50052))
            yield Deployed(nodes, said, port, health_port, collector)


def _liveness(overlay: Overlay) -> str:
    path: str = overlay.pods["platform"]["spec"]["containers"][0]["livenessProbe"]["httpGet"]["path"]
    return path


def _config(overlay: Overlay) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(overlay.all("RayService")["tieback"]["spec"]["serveConfigV2"])
    return config


def test_everything_runs_on_the_platform_pod_and_nothing_on_the_head(deployed: Deployed) -> None:
    replicas = {
        replica["node_id"]: name
        for name, deployment in deployed.serve["applications"]["tieback"]["deployments"].items()
        for replica in deployment["replicas"]
    }
    deployments = deployed.serve["applications"]["tieback"]["deployments"]

    assert {
        "gateway",
        "index",
        "router",
        "reranker",
        *(f"encoder:{one}" for one in SPACES),
    } == deployments.keys()
    assert len(replicas) == 1
    assert deployed.serve["controller_info"]["node_id"] not in replicas
    assert deployed.serve["proxies"] == {}


def test_the_pods_log_has_the_lines_of_the_platform_and_none_of_rays(deployed: Deployed) -> None:
    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in deployed.nodes.said("platform").read_text().splitlines()]

    wait_for(lambda: "gateway" in {line.get("deployment") for line in lines()})

    serving = [line["deployment"] for line in lines() if line["message"] == "serving"]
    deployments = deployed.serve["applications"]["tieback"]["deployments"]
    assert sorted(serving) == sorted(deployments)
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines())


def test_nobody_deploys_without_the_token(deployed: Deployed) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        deployed.nodes.ask(deployed.nodes.dashboard, "/api/serve/applications/", token=False)

    assert refused.value.code == 401


def test_the_readiness_probe_and_the_images_health_check_are_answered(deployed: Deployed) -> None:
    command = ["health", "--server", f"127.0.0.1:{deployed.health_port}"]

    done = subprocess.run(
        [str(Path(sys.executable).with_name("tieback")), *command],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_trace_goes_on_from_hop_to_hop(deployed: Deployed) -> None:
    trace, caller = secrets.token_hex(16), secrets.token_hex(8)
    with Client(f"127.0.0.1:{deployed.port}", timeout=60) as client:
        section = Section("The lighthouse was built in 1873.", id="1")
        client.ingest("library", [Item(id="lighthouse", sections=[section])]).collect()

    query = [answer_pb2.QueryPart(content=content_pb2.Content(text="a tall light"))]
    with grpc.insecure_channel(f"127.0.0.1:{deployed.port}") as channel:
        answer_pb2_grpc.AnswerServiceStub(channel).Retrieve(
            answer_pb2.RetrieveRequest(
                collection="library",
                query=query,
                options=query_pb2.QueryOptions(reranker=report_pb2.Method(name="late_interaction")),
            ),
            metadata=(("traceparent", f"00-{trace}-{caller}-01"),),
        )
    expected = {
        "tieback-gateway",
        *(f"tieback-encoder:{one}" for one in SPACES),
        "tieback-router",
        "tieback-index",
        "tieback-reranker",
    }

    def has_all() -> bool:  # each process sends its spans in batches, of which some come later than others
        seen = _spans(deployed, trace)
        known = {span.id for span in seen} | {caller}
        names = {span.name for span in seen}
        return (
            {span.process for span in seen} == expected
            and {"search", "tieback.v1.AnswerService/Retrieve"} <= names
            and all(span.parent in known for span in seen)
        )

    wait_for(has_all)

    spans = {span.id: span for span in _spans(deployed, trace)}
    [door] = [span for span in spans.values() if span.parent == caller]
    assert door.name == "tieback.v1.AnswerService/Retrieve"
    assert all(span.parent in spans for span in spans.values() if span is not door)
    searched = next(span for span in spans.values() if span.name == "search")
    assert spans[spans[searched.parent].parent] is door


def test_another_setting_hands_the_store_to_a_replica_that_has_started_beside_the_one_before(
    deployed: Deployed,
) -> None:
    def has_store() -> list[str]:
        said = json.loads(deployed.nodes.ask(deployed.nodes.dashboard, "/api/serve/applications/"))
        deployments = said["applications"]["tieback"]["deployments"]
        return [one["replica_id"] for one in deployments["index"]["replicas"]]

    [before] = has_store()
    config = _config(build("minimal"))
    config["applications"][0]["args"] = {"cache_bytes": 1 << 20}
    address = f"127.0.0.1:{deployed.port}"
    with Client(address, timeout=60) as client:
        client.ingest("harbour", [Item("kept", ["the harbour light"])]).collect()
        deployed.nodes.deploy(config)
        # A call each while the replicas change: it waits, and none fails.
        wait_for(lambda: list(client.collections()) and len(has_store()) == 1 and has_store() != [before], 60)
        client.ingest("harbour", [Item("new", ["the light of the rock"])]).collect()

        assert {one.id for one in client.items("harbour")} == {"kept", "new"}
    told = [json.loads(line) for line in deployed.nodes.said("platform").read_text().splitlines()]
    assert [one["deployment"] for one in told if one["message"] == "waiting for the store"] == ["index"]


def _spans(deployed: Deployed, trace: str) -> list[Any]:
    return [span for spans in deployed.collector.of(trace).values() for span in spans]
