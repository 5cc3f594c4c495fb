"""The dashboard's queries on the metrics of a platform that works, through a real Prometheus."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import re
import threading
import time
import urllib.request
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.deployment import ROOT, Query, queries
from support.installed import need
from support.lab import lab as lab
from support.prometheus import Prometheus
from support.small_binding import binding, imputation, routed, text
from support.tenants import write_tokens
from tieback.catalog.catalog import Catalog
from tieback.core.call import NO_CALL
from tieback.core.types.encoding import EncodeReply
from tieback.core.types.fusion import FuseRequest
from tieback.models.joint.artifact import BINDING
from tieback.models.store import Store
from tieback.router import Router
from tieback.serving.mesh import Mesh, plaintext
from tieback.serving.mesh.directory import Directory
from tieback.serving.metrics.ranges import WINDOW as DRIFT_WINDOW
from tieback.serving.metrics.scrape import MetricsListener, MetricsPage, Scraper
from tieback.serving.processes.local import LocalServer
from tieback.serving.requests import context as call_context
from tieback.serving.requests.contract import METHODS
from tieback.serving.settings import Settings
from tieback_client import Client, Item, NotFound, Overloaded, Retry, Section
from tieback_contract.answers import AnswerStyle, Repair
from tieback_contract.encodings import Encoding, Reduction
from tieback_contract.generation import Grounding, SamplingParameters
from tieback_contract.modality import Modality
from tieback_contract.reports import Cost, Timing
from tieback_contract.vectors import SpaceRef

WINDOW = "10s"
QUEUED_TOKENS = 4000
TOKEN = "a-token-for-tests"
TEXT_SPACES = ("all-minilm-l6-v2", "paraphrase-minilm-l3-v2", "wordllama-256")
LIGHTHOUSE = "The lighthouse at Cape Alder was built in 1873 and is 41 metres tall."
LONG = "A light is lit at dusk and put out at dawn, and between the two somebody stays awake. " * 10


class Platform:
    """A whole platform in this process, with the page that a gateway would make of it."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(
            store=folder / "store",
            cache_disk=folder / "cache",
            port=0,
            metrics_port=None,
            http_port=0,
            drain_seconds=0,
            queued_tokens=QUEUED_TOKENS,
            binding="none",  # the weights are those of the text spaces, whatever the model store holds
            tokens=write_tokens(folder / "tokens.yaml", {"acme": {TOKEN: "admin"}}),
        )
        self._server = LocalServer(settings)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Platform:
        self._thread.start()
        self._run(self._start())
        self.page = MetricsPage("127.0.0.1", 0, lambda: self._run(self._scraper.page()))
        return self

    def __exit__(self, *_: object) -> None:
        self.page.close()
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.port}"

    def route(self) -> None:
        """Has a small binding's routers weight as many queries as drift is told from, and one on trial.

        Then a space is lost, and stood in for.

        Binding the platform's own spaces takes minutes; what watches the routers is the platform's.
        """
        telemetry, served = self._server.telemetry, routed()
        ranges = {str(router.modality): router.weight_ranges for router in served.routers}
        telemetry.ranges.expect(BINDING.name, served.revision, ranges)
        asked = FuseRequest([text(1.0, 0.5)] * DRIFT_WINDOW)
        for one in self._run(Router.bound(served).fuse(asked, NO_CALL)).results:
            telemetry.ranges.observe(BINDING.name, served.revision, "text", one.routing.weights)
        telemetry.trials.took("fuse", "tried")
        telemetry.trials.compared("fuse", "tried", 0.2)
        imputing = Router.bound(binding(imputations=(imputation("ridge"),)))
        (lost,) = self._run(imputing.fuse(FuseRequest([text(1.0, 0.5)[:1]]), NO_CALL)).results
        told = dataclasses.replace(lost.routing, weights={})  # those are not the platform's own spaces
        self._server.telemetry.observe_routing(told)

    def reduce(self) -> None:
        """Has an encoding on fewer tokens be counted: no card of the catalog serves a reduction."""
        space = SpaceRef(TEXT_SPACES[0], "1", "0")
        reduced = Encoding(space, Modality.TEXT, reduction=Reduction("pitome", 0.9))
        reply = EncodeReply([reduced], Timing(), Cost())
        self._server.telemetry.observe_reductions(space.name, reply)

    def call_milvus(self) -> None:
        """Has calls to Milvus be counted, of which one fails: the platform keeps its collections itself."""
        for failure in ("", "away"):
            self._server.telemetry.milvus.called("search", 0.01, failure)

    def ask_at_the_door(self) -> None:
        """Asks over HTTP, too."""
        url = f"http://127.0.0.1:{self._server.http_port}/v1/models"
        asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(asked, timeout=20) as answer:
            assert answer.status == 200

    def call_at_a_grpc_door(self) -> None:
        """Has a call of KServe be counted: its stubs have the names of a client's, which is here too."""
        telemetry = self._server.telemetry
        telemetry.requests.labels("GRPCInferenceService", "ModelInfer", "OK").inc()
        telemetry.request_seconds.labels("GRPCInferenceService", "ModelInfer").observe(0.01)

    def lose_a_replica(self) -> None:
        """Calls a service of which one of two replicas has gone, until a call was repeated."""
        self._run(self._call_until_repeated())

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _start(self) -> None:
        await self._server.__aenter__()
        telemetry = self._server.telemetry
        self._listener = MetricsListener(telemetry)
        port = await self._listener.start("127.0.0.1")
        pages = Directory()
        pages.update("gateway", {"a": {"metrics_address": f"127.0.0.1:{port}"}})
        self._scraper = Scraper(pages, plaintext)
        self._replicas = Directory()
        self._mesh = Mesh(self._replicas, registry=telemetry.registry)

    async def _stop(self) -> None:
        await self._mesh.close()
        await self._scraper.close()
        await self._listener.stop()
        await self._server.__aexit__(None, None, None)

    async def _call_until_repeated(self) -> None:
        method = METHODS["/tieback.v1.CatalogService/GetServerInfo"]
        registry = self._server.telemetry.registry

        def repeated() -> float:
            return registry.get_sample_value("tieback_hop_retries_total", {"target": "router"}) or 0.0

        call_context.set_current(call_context.CallContext(authorization=f"Bearer {TOKEN}"))
        before = repeated()
        nobody = "127.0.0.1:1"
        self._replicas.update("router", {"a": {"address": nobody}, "b": {"address": self.address}})
        while repeated() == before:
            await self._mesh.unary("router", method, b"")
        self._replicas.update("router", {"b": {"address": self.address}})


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    need("prometheus", "prometheus")  # before anything is loaded
    with Platform(tmp_path_factory.mktemp("platform")) as running:
        yield running


@pytest.fixture(scope="module")
def prometheus(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Has seen everything that the platform can do, twice: rates are of what was counted before."""
    monitor = yaml.safe_load((ROOT / "k8s/components/monitoring/servicemonitor.yaml").read_text())
    with (
        Prometheus(
            tmp_path_factory.mktemp("prometheus"),
            f"127.0.0.1:{platform.page.port}",
            rules=ROOT / "monitoring/alerts.yml",
            honor_labels=monitor["spec"]["endpoints"][0]["honorLabels"],
        ) as running,
        Client(platform.address, token=TOKEN, timeout=60, retry=Retry(overloads=False)) as client,
    ):
        for round_ in range(2):
            use_everything(client, round_)
            platform.route()
            platform.reduce()
            platform.call_milvus()
            platform.ask_at_the_door()
            platform.call_at_a_grpc_door()
            platform.lose_a_replica()
            if round_ == 0:
                running.wait_for("tieback_abstentions_total")
                running.wait_for("tieback_hop_retries_total")
        time.sleep(2.5)  # two scrapes
        yield running


def use_everything(client: Client, round_: int) -> None:
    """Calls every service, and fails in every way that is counted."""
    for space in TEXT_SPACES:
        client.encode([LIGHTHOUSE, "light", LONG], space=space, truncate=True)
    photo, sound = media("scikit-image", "coffee"), media("speech")
    encoded = [
        client.encode([LIGHTHOUSE], space=TEXT_SPACES[0])[0],
        client.encode([photo], space="efficientnet-lite0", kinds=("dense", "labels"))[0],
        client.encode([sound], space="yamnet", kinds=("dense", "labels"))[0],
    ]
    client.fuse([encoded])
    items = [
        Item(id=f"lighthouse-{round_}", sections=[Section(LIGHTHOUSE, id="1")]),
        Item(id=f"coffee-{round_}", sections=[Section(photo, id="1")]),
    ]
    client.ingest("library", items).collect()
    client.search("library", text="lighthouse")
    client.retrieve("library", "a tall light")
    client.reindex("library").wait()
    client.rerank("a tall light", [LIGHTHOUSE, "Cats sleep for twelve hours a day."])
    client.check(LIGHTHOUSE, [LIGHTHOUSE])

    question = "How tall is the lighthouse at Cape Alder?"
    client.answer("library", question, sampling=SamplingParameters(max_tokens=24, strategy="lol")).collect()
    client.answer("library", question, style=AnswerStyle.QUOTE).collect()
    refused = client.answer("library", "What is the interest rate of the central bank of Peru?").collect()
    assert refused.abstention is not None
    client.answer("library", question, grounding=Grounding(decision="thresholds")).collect()
    other = LIGHTHOUSE.replace("41", "47")
    disagreeing = client.generate(question, [LIGHTHOUSE, other], style=AnswerStyle.QUOTE).collect()
    assert disagreeing.conflicts
    dropped = Grounding(repair=Repair.DROP, abstain_below=0.0)
    short = SamplingParameters(max_tokens=48)
    repaired = client.generate(
        "Who owns the red house?", [LIGHTHOUSE], style=AnswerStyle.WRITE, sampling=short, grounding=dropped
    ).collect()
    assert repaired.repaired

    left = client.generate("Write a long story about the sea.", sampling=SamplingParameters(max_tokens=400))
    next(iter(left))
    left.cancel()
    with pytest.raises(NotFound):
        client.encode("a", space="no-such-space")
    overload(client)


def overload(client: Client) -> None:
    """Sends more at once than may wait."""

    def send(_: int) -> bool:
        try:
            client.encode([LONG] * 8, space=TEXT_SPACES[0], cache="bypass")
        except Overloaded:
            return True
        return False

    with ThreadPoolExecutor(8) as pool:
        assert any(pool.map(send, range(8)))


def media(name: str, stem: str = "") -> Path:
    folder = Store(Settings().models.expanduser()).media(Catalog.load().get_media(name))
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".png", ".jpg", ".wav", ".flac"))
    return next(path for path in files if stem in path.stem)


def check(prometheus: Prometheus, query: Query) -> str:
    """What is wrong with what a query returns; nothing where it is well."""
    series = prometheus.query(query.over(WINDOW))
    if not series:
        return "returns nothing"
    if not any(math.isfinite(value) for _, value in series):
        return "returns no number"
    shown = set(re.findall(r"\{\{(\w+)\}\}", query.legend))
    # The index has no spaces, and says so with an empty label, which Prometheus drops.
    lacking = {label for label in shown - {"space"} if not all(labels.get(label) for labels, _ in series)}
    return f"lacks the labels {sorted(lacking)} that its legend shows" if lacking else ""


def test_every_query_of_the_dashboard_returns_series(prometheus: Prometheus) -> None:
    faults = {f"{query.panel}: {query.expression}": check(prometheus, query) for query in queries()}

    assert {place: fault for place, fault in faults.items() if fault} == {}


def test_the_services_on_the_page_are_the_platforms_and_not_kubernetes(prometheus: Prometheus) -> None:
    services = {labels["service"] for labels, _ in prometheus.query("tieback_ready")}

    assert "EncoderService" in services
    assert "tieback-metrics" not in services


def test_spaces_weights_and_refusals_are_told_apart(prometheus: Prometheus) -> None:
    def labels(expression: str, name: str) -> set[str]:
        return {found[name] for found, value in prometheus.query(expression) if value > 0}

    assert labels("tieback_total_seconds_count{service='encoder'}", "space") >= {*TEXT_SPACES, "yamnet"}
    assert labels("tieback_router_weight_count", "space") == set(TEXT_SPACES)
    assert labels("tieback_requests_total", "code") >= {"OK", "NOT_FOUND", "RESOURCE_EXHAUSTED", "CANCELLED"}
    assert labels("tieback_dropped_total", "reason") == {"cancelled"}
    assert labels("tieback_padding_tokens_total", "space") & set(TEXT_SPACES)


def test_what_keda_asks_is_a_number_where_the_job_is_that_of_the_pool(prometheus: Prometheus) -> None:
    scaled = yaml.safe_load((ROOT / "k8s/components/keda/scaledobject.yaml").read_text())
    query = scaled["spec"]["triggers"][0]["metadata"]["query"]
    [job] = {labels["job"] for labels, _ in prometheus.query("tieback_waiting_items")}

    [(_, value)] = prometheus.query(re.sub(r'job="[^"]+"', f'job="{job}"', query))

    assert value >= 0


def test_prometheus_evaluates_every_alert(prometheus: Prometheus) -> None:
    rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]

    assert {rule["name"]: rule["health"] for rule in rules} == dict.fromkeys(
        (rule["name"] for rule in rules), "ok"
    )
    assert not [rule["name"] for rule in rules if rule["state"] == "firing"]
