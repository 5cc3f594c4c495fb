"""The parts of `scripts/test containers` that need no container."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from containers import clusters, compose, events, machine, policies, pool
from containers.load import KEPT, KEPT_WRITES, Calls
from containers.manifests import pods, rendered, second_worker
from support.deployment import ROOT
from support.installed import need
from support.local_platform import Running
from tieback_client import Client

from benchmarks.rolling.load import COLLECTION, Outcome


def test_what_the_machine_lacks_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        machine, "program", lambda name: None if name in ("nft", "podman") else f"/bin/{name}"
    )
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    nft, podman, root = machine.lacks()

    assert (nft, podman) == (
        "nft is not installed (Debian: apt-get install nftables)",
        "podman is not installed (Debian: apt-get install podman)",
    )
    assert "root" in root


def test_a_step_that_is_not_there_is_refused_by_name() -> None:
    path = os.pathsep.join(str(ROOT / name) for name in ("services", "clients", "tests", "."))

    done = subprocess.run(
        [sys.executable, "-m", "containers", "--only", "compose,podd"],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "no step is named podd; there are base, build, compose" in done.stderr


def test_pips_settings_are_one_set_and_name_the_files_that_a_build_needs(tmp_path: Path) -> None:
    listing = f":env:.find-links='{tmp_path} /nowhere'\nglobal.timeout='60'\nglobal.find-links='/before'\n"

    found = machine.pip_options(
        "global.find-links='/before'\n" + listing.splitlines()[0] + "\nglobal.timeout='60'"
    )

    assert found == {"find-links": f"{tmp_path} /nowhere", "timeout": "60"}
    assert list(machine.paths_in(found)) == [tmp_path]


def test_every_key_of_the_compose_file_becomes_an_option() -> None:
    platform, prometheus = (
        list(compose.options(name, compose.services()[name])) for name in ("platform", "prometheus")
    )

    assert {"--cap-drop=ALL", "--security-opt=no-new-privileges", "--init=true", "--memory=6g"} <= set(
        platform
    )
    assert {"--publish=127.0.0.1:50051:50051", "--stop-timeout=40", "--shm-size=512m"} <= set(platform)
    assert f"--volume={ROOT}/monitoring/alerts.yml:/etc/prometheus/alerts.yml:ro" in prometheus
    with pytest.raises(ValueError, match="platform has tmpfs, of which this knows nothing"):
        list(compose.options("platform", {"tmpfs": ["/tmp"]}))


def test_a_pod_has_the_operators_defaults_where_its_manifest_names_none() -> None:
    need("kustomize", "kustomize")
    head, worker = pods(rendered())

    line = shlex.split(worker.command().partition("ray start ")[2])

    assert {"--block", "--dashboard-agent-listen-port=52365", "--address=tieback-head-svc:6379"} <= set(line)
    assert f"--memory={6 * 2**30}" in line
    assert [one for one in line if one.startswith("--metrics-export-port=")]
    assert "ray start --head" in head.command()
    given = next(one for one in line if one.startswith("--resources="))
    assert json.loads(given.partition("=")[2]) == {"tieback-door": 1}
    options = list(worker.options("secret", "net", "10.0.0.2", {}))
    assert "--network=net:ip=10.0.0.2,alias=tieback" in options
    assert {"--volume=tieback-data:/data", "--tmpfs=/tmp/ray:rw,mode=1777", "--cap-drop=ALL"} <= set(options)
    assert "--env=TIEBACK_STORE=/data" in options
    assert "--cpu-shares=2048" in options
    assert "--cpu-shares=512" in list(head.options("secret", "net", "10.0.0.1", {}))


def test_the_replicated_layout_has_five_pods_of_which_the_head_knows_redis() -> None:
    need("kustomize", "kustomize")

    found = {one.name: one for one in pods(rendered(["replicated"], clusters.LIGHT))}

    assert list(found) == ["head-0", "platform-0", "platform-1", "platform-2", "store-0"]
    assert found["head-0"].environment["RAY_REDIS_ADDRESS"] == "redis.redis.svc:6379"
    assert found["platform-0"].environment["TIEBACK_MILVUS"] == "http://milvus.milvus.svc:19530"
    assert found["platform-0"].environment["TIEBACK_GENERATOR"] == "none"
    assert (found["platform-0"].grace, found["platform-0"].pre_stop) == (45, ["sleep", "10"])


def test_a_second_group_is_like_the_first_but_for_its_resources() -> None:
    need("kustomize", "kustomize")
    first, second = (
        json.dumps(json.dumps({"tieback-door": 1, **more})) for more in ({"tieback-store": 1}, {})
    )

    made = second_worker(rendered(), "door", second, first)

    _, platform, door = pods(made)
    assert (platform.name, door.name, door.component) == ("platform-0", "door-0", "platform")
    assert "tieback-store" in platform.command()
    assert "tieback-store" not in door.command()


def test_the_pool_is_played_without_what_podman_refuses() -> None:
    need("kustomize", "kustomize")

    played = pool.playable(rendered(["encoders"]), Path("/models"))

    deployment = played.all("Deployment")["tieback-encoders"]
    spec = deployment["spec"]["template"]["spec"]
    assert deployment["spec"]["replicas"] == 1
    assert {one["name"] for one in spec["volumes"]} == {"temporary", "models"}
    assert "readinessProbe" not in spec["containers"][0]
    assert played.all("ConfigMap")["tieback-encoders-settings"]["data"]["TIEBACK_INDEX_ENABLED"] == "false"


def test_policies_become_rules_of_a_pod_for_those_whom_they_name() -> None:
    need("kustomize", "kustomize")
    overlay = rendered(["network-policy"])
    head, worker = pods(overlay)
    places = policies.Places(
        {"10.0.0.1": head.labels, "10.0.0.2": worker.labels},
        {
            policies.KUBELET: ["10.0.0.9"],
            "tieback.dev/client=true": ["10.0.0.8"],
            "kubernetes.io/metadata.name=monitoring": ["10.0.0.7"],
        },
    )

    incoming, outgoing = policies.rules(overlay, worker.container, worker.labels, places).split(
        "chain output"
    )

    assert "hook input priority 0; policy drop;" in incoming
    assert "hook output priority 0; policy drop;" in outgoing
    assert {
        "ip saddr { 10.0.0.1, 10.0.0.2 } accept",
        "ip saddr { 10.0.0.8 } tcp dport 50051 accept",
        "ip saddr { 10.0.0.7 } tcp dport 9464 accept",
        "ip saddr { 10.0.0.9 } tcp dport 52365 accept",
    } <= set(incoming.splitlines())
    assert [line for line in outgoing.splitlines() if line.startswith("ip daddr")] == [
        "ip daddr { 10.0.0.1, 10.0.0.2 } accept",
        "ip daddr { 10.0.0.7 } tcp dport 4317 accept",
    ]
    assert "50051" not in policies.rules(overlay, head.container, head.labels, places)


def test_silence_counts_from_the_return_of_what_a_kind_of_call_needs() -> None:
    calls = Calls("localhost:1", operations=False, rate=5.0)
    for kind in ("Retrieve", KEPT_WRITES):
        calls.outcomes.extend(Outcome(kind, at, at + 0.5) for at in (0.0, 8.0, 9.0))

    rows, errors = calls.during(0.0, 10.0, {"Retrieve": 7.5})

    silences = {row["call"]: row["silence_s"] for row in rows}
    assert (silences["Retrieve"], silences[KEPT_WRITES]) == (1.0, 8.0)
    assert not errors


@pytest.mark.all
def test_an_event_counts_what_was_acknowledged_and_is_there(
    local_platform: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "QUIET", 5.0)
    calls, findings = Calls(local_platform.address, operations=True, rate=5.0), events.Findings()

    def fails() -> None:
        raise TimeoutError("it did not come back")

    def returns_later() -> float:
        return time.monotonic() + 1000.0

    happening = [
        events.Event("nothing comes back", fails),
        events.Event("returns later", returns_later, need=("Retrieve",)),
    ]
    events.under_load("here", calls, happening, findings)

    with Client(local_platform.address) as client:
        for name in (KEPT, COLLECTION):
            client.delete_collection(name)
    quiet, lost, later = findings.events
    assert quiet["event"] == "nothing"
    assert quiet["calls"] > 3
    assert quiet["failed"] == lost["failed"] == 0
    assert 0 < quiet["acknowledged"] <= lost["acknowledged_so_far"] == lost["kept"]
    assert lost["note"] == "TimeoutError: it did not come back"
    assert lost["back_after_s"] is None
    assert later["back_after_s"] >= 1000.0
    assert later["retrieval_gap_s"] < 0 <= later["writes_gap_s"]  # its silence counts for retrieval alone
    assert {row["call"] for row in findings.calls} >= {"Retrieve", "kept writes", "EncodeStream"}
