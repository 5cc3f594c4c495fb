"""One page of metrics for all deployments."""

from __future__ import annotations

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.running_platform import Platform, wait_for
from tieback_client import Client

pytestmark = pytest.mark.ray


def test_the_page_shows_every_deployment(platform: Platform, client: Client) -> None:
    states = {state.name for state in client.server_info().services} - {"answer"}

    def shown() -> set[str]:
        families = text_string_to_metric_families(platform.metrics)
        return {sample.labels["deployment"] for family in families for sample in family.samples}

    wait_for(lambda: shown() == states | {"gateway"}, 60)  # another test may have killed a replica
    assert platform.value("tieback_scrape_failures") == 0


def test_a_call_is_counted_at_the_gateway_and_at_the_service(platform: Platform, client: Client) -> None:
    labels = {"service": "EncoderService", "method": "Encode", "code": "OK"}
    deployments = ("gateway", "encoder:all-minilm-l6-v2")
    before = [platform.value("tieback_requests_total", deployment=name, **labels) for name in deployments]

    client.encode("the sea", space="all-minilm-l6-v2")

    after = [platform.value("tieback_requests_total", deployment=name, **labels) for name in deployments]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1]


def test_replicas_have_the_priority_of_the_process_that_started_them(platform: Platform) -> None:
    replica = platform.replica("encoder:all-minilm-l6-v2")

    assert replica is not None
    assert replica.nice() == psutil.Process(platform.process.pid).nice()
