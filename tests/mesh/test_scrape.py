"""One page of metrics for all processes."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from tieback.serving.mesh import plaintext
from tieback.serving.mesh.directory import Directory
from tieback.serving.metrics.scrape import MetricsListener, Scraper, join, machine_of_page
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.settings import Settings


def telemetry() -> Telemetry:
    made = Telemetry(Settings(models=Path("unused"), store=Path("unused")))
    made.requests.labels("RouterService", 'odd "method" {x}', "OK").inc(3)
    return made


def samples(page: bytes) -> dict[tuple[str, str, str], float]:
    return {
        (sample.name, sample.labels["deployment"], sample.labels["replica"]): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


async def test_the_page_joins_all_replicas_and_says_which_did_not_answer() -> None:
    directory = Directory()
    listeners = [MetricsListener(telemetry()) for _ in range(2)]
    ports = [await listener.start("127.0.0.1") for listener in listeners]
    directory.update("router", {"a": {"address": "x", "metrics_address": f"127.0.0.1:{ports[0]}"}})
    directory.update(
        "index",
        {
            "b": {"address": "x", "metrics_address": f"127.0.0.1:{ports[1]}"},
            "c": {"address": "x", "metrics_address": "127.0.0.1:1"},
        },
    )
    scraper = Scraper(directory, plaintext)

    found = samples(await scraper.page())

    await scraper.close()
    for listener in listeners:
        await listener.stop()
    assert found["tieback_requests_total", "router", "a"] == 3
    assert found["tieback_requests_total", "index", "b"] == 3
    assert ("tieback_requests_total", "index", "c") not in found
    assert found["tieback_scrape_failures", "router", "a"] == 0
    assert found["tieback_scrape_failures", "index", "c"] == 1


def test_a_joined_page_holds_every_family_once_and_loses_no_series() -> None:
    page = telemetry().page().decode()

    joined = join({("router", "a"): page, ("index", "b"): page}).decode()

    heads = [line for line in joined.splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads))
    alone = sum(len(family.samples) for family in text_string_to_metric_families(page))
    together = sum(len(family.samples) for family in text_string_to_metric_families(joined))
    assert together == 2 * alone + 2


def test_of_several_machines_with_gateways_one_shows_the_page() -> None:
    directory = Directory()
    assert machine_of_page(directory) == ""

    gateways = {"b": {"metrics_address": "10.0.0.2:7"}, "a": {"metrics_address": "10.0.0.1:9"}}
    directory.update("gateway", gateways)
    assert machine_of_page(directory) == "10.0.0.1"

    del gateways["a"]
    directory.update("gateway", gateways)
    assert machine_of_page(directory) == "10.0.0.2"
