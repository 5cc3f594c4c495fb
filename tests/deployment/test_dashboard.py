"""The dashboard and the alert rules against the metrics that the platform has."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from support.deployment import ROOT, Overlay, alerts, dashboard, queries
from support.installed import need
from support.lab import lab_in_use
from tieback.collections.quotas import IndexSize
from tieback.core.types.load import Load
from tieback.encoder import AdapterState
from tieback.encoder.cache.encodings import CacheState
from tieback.serving.mesh import Mesh
from tieback.serving.mesh.directory import Directory
from tieback.serving.metrics.scrape import join
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.processes.doors import door_services
from tieback.serving.requests.contract import methods
from tieback.serving.settings import Settings

SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
    "info": ("_info",),
    "summary": ("_sum", "_count"),
    "unknown": ("",),
}


async def metrics() -> set[str]:
    """The names of all series that the platform's page can hold, read off a real page."""
    telemetry = Telemetry(Settings(models=Path("unused"), store=Path("unused")))
    telemetry.loads.watch("encoder", "a", Load)
    telemetry.caches.watch("a", lambda _: CacheState(0, 0, 0, 0, 0, 0, 0, None))
    telemetry.adapters.watch("a", lambda _: AdapterState())
    telemetry.index.watch(lambda: IndexSize(0, 0, 0, 0, 0, 0, 0))
    mesh = Mesh(Directory(), registry=telemetry.registry)
    page = join({("gateway", "a"): generate_latest(telemetry.registry).decode()}).decode()
    await mesh.close()
    return {
        family.name + suffix
        for family in text_string_to_metric_families(page)
        for suffix in SUFFIXES[family.type]
        if not family.name.startswith("process_")  # of the library; dashboards for them are everywhere
    }


def used(expression: str) -> set[str]:
    """The metrics of an expression."""
    without_labels = re.sub(r"\{[^}]*\}", "", expression)
    return set(re.findall(r"\b(?:tieback_\w+|up)\b", without_labels))


def expressions() -> Iterator[tuple[str, str]]:
    yield from ((f"dashboard: {query.panel}", query.over("1m")) for query in queries())
    yield from ((f"alert: {rule['alert']}", rule["expr"]) for rule in alerts())
    scaled = yaml.safe_load((ROOT / "k8s/components/keda/scaledobject.yaml").read_text())
    yield from (("KEDA", trigger["metadata"]["query"]) for trigger in scaled["spec"]["triggers"])


def test_every_expression_is_one_that_prometheus_can_read(tmp_path: Path) -> None:
    promtool = need("promtool", "prometheus")
    rules = [
        {"record": "check:expression", "expr": expression, "labels": {"of": name, "number": str(number)}}
        for number, (name, expression) in enumerate(expressions())
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "check", "rules": rules}]}))

    done = subprocess.run(
        [promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert f"{len(rules)} rules found" in done.stdout


async def test_every_expression_uses_metrics_that_exist() -> None:
    known = await metrics() | {"up"}

    unknown = {name: used(expression) - known for name, expression in expressions()}

    assert {name: found for name, found in unknown.items() if found} == {}
    assert all(used(expression) for _, expression in expressions())


async def test_no_metric_is_left_off_the_dashboard() -> None:
    shown = set().union(*(used(query.expression) for query in queries()))

    hidden = {
        name
        for name in await metrics()
        if re.sub(r"_(bucket|sum|count)$", "", name)
        not in {re.sub(r"_(bucket|sum|count)$", "", one) for one in shown}
    }

    # How fast a worker was, how many texts were long, what originals and vectors take is for planning;
    # that a disk failed, a certificate ends, the tokens cannot be read or an endpoint changed is an alert.
    assert hidden == {
        "tieback_index_original_bytes",
        "tieback_index_token_vector_bytes",
        "tieback_index_vector_bytes",
        "tieback_split_sections_total",
        "tieback_tokens_per_second",
        "tieback_truncated_tokens_total",
        "tieback_cache_disk_on",
        "tieback_tokens_file_current",
        "tieback_certificate_seconds_left",
        "tieback_endpoint_cosine",
    }


def test_calls_are_counted_where_clients_make_them() -> None:
    """On Ray Serve a call is counted at the gateway and again at the service behind it."""
    for query in queries():
        if used(query.expression) & {"tieback_requests_total", "tieback_request_seconds_bucket"}:
            assert 'deployment=~"|gateway"' in query.expression


def test_panels_of_grpc_doors_show_every_service_of_a_door() -> None:
    services = {name.rpartition(".")[2] for name in door_services(Settings(doors=("kserve", "tei")))}

    shown = [query.expression for query in queries() if "GRPCInferenceService" in query.expression]

    assert len(shown) == 2
    for expression in shown:
        [listed] = re.findall(r'service=~"([^"]+)"', expression)
        assert set(listed.split("|")) == services


def test_slowness_is_not_told_of_streams() -> None:
    rule = next(rule for rule in alerts() if rule["alert"] == "TiebackSlow")
    found = re.search(r'method!~"([^"]+)"', rule["expr"])
    assert found is not None
    left_out = found[1].split("|")

    with lab_in_use():
        streaming = {
            method.path.rpartition("/")[2]
            for method in methods().values()
            if method.request_streaming or method.response_streaming
        }

    assert set(left_out) == streaming | {"ServerReflectionInfo", "WaitOperation"}


def test_the_alerts_say_what_they_should_and_nothing_else() -> None:
    promtool = need("promtool", "prometheus")

    done = subprocess.run(
        [promtool, "test", "rules", str(Path(__file__).with_name("alerts_test.yml"))],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_test_that_expects_it() -> None:
    tests = yaml.safe_load(Path(__file__).with_name("alerts_test.yml").read_text())["tests"]

    expected = {
        case["alertname"] for one in tests for case in one["alert_rule_test"] if case.get("exp_alerts")
    }

    assert expected == {rule["alert"] for rule in alerts()}


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    for rule in alerts():
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"].keys() == {"summary", "action"}


def test_an_alert_names_only_settings_that_exist() -> None:
    known = {f"TIEBACK_{name.upper()}" for name in Settings.model_fields}

    named = {name for rule in alerts() for name in re.findall(r"TIEBACK_\w+", rule["annotations"]["action"])}

    assert named <= known


def test_the_cluster_gets_the_same_dashboard_and_the_same_alerts(production: Overlay) -> None:
    config = production.all("ConfigMap")["tieback-dashboard"]
    rules = production.all("PrometheusRule")["tieback"]["spec"]["groups"]

    assert json.loads(config["data"]["tieback.json"]) == dashboard()
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert [rule for group in rules for rule in group["rules"]] == alerts()


def test_panels_do_not_lie_over_one_another() -> None:
    places = [panel["gridPos"] for panel in dashboard()["panels"]]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(cells) == len(set(cells))
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert len({panel["id"] for panel in dashboard()["panels"]}) == len(places)


@pytest.mark.parametrize("spec", [{"prots": []}, {"ports": 5}], ids=["an unknown field", "a wrong type"])
def test_the_check_finds_a_broken_object(spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")  # it imports what is beside it
    source = importlib.util.spec_from_file_location("check_deployment", ROOT / "scripts/check_deployment.py")
    assert source is not None
    assert source.loader is not None
    check = importlib.util.module_from_spec(source)
    source.loader.exec_module(check)
    broken = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": spec}

    with pytest.raises(SystemExit, match="the place: spec"):
        check.check_object("the place", broken)
