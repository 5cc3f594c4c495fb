"""The weights of learned routers are held against the range that they had at binding."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from tieback.router import Routed
from tieback.serving.metrics.routing_watch import WINDOW, RoutingWatch, log
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.settings import Settings
from tieback_contract.fusion import RoutingExplanation

WEIGHT_RANGES = {"text": {"words": (0.6, 0.8), "eyes": (0.2, 0.4)}}


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry(Settings())


@pytest.fixture
def watch(telemetry: Telemetry) -> RoutingWatch:
    return RoutingWatch(telemetry, "served", WEIGHT_RANGES)


def drift(telemetry: Telemetry, space: str) -> float | None:
    return telemetry.registry.get_sample_value("tieback_routing_drift", {"modality": "text", "space": space})


def ask(watch: RoutingWatch, words: float, times: int = WINDOW, **how: Any) -> None:
    facts: dict[str, Any] = {"modality": "text", "binding": "served", "degraded": False} | how
    for _ in range(times):
        watch(Routed(weights={"words": words, "eyes": 1 - words}, **facts))


def test_there_is_no_drift_before_as_many_queries_as_at_binding(
    telemetry: Telemetry, watch: RoutingWatch
) -> None:
    ask(watch, 0.0, WINDOW - 1)

    assert drift(telemetry, "words") is None


def test_drift_is_the_distance_of_the_mean_from_its_range_at_binding(
    telemetry: Telemetry, watch: RoutingWatch
) -> None:
    ask(watch, 0.7)
    inside = drift(telemetry, "words")
    ask(watch, 0.5, WINDOW // 2)  # the mean of the last hundred is 0.6 now, the edge
    edge = drift(telemetry, "words")
    ask(watch, 0.5, WINDOW)

    assert (inside, edge) == (0.0, 0.0)
    assert drift(telemetry, "words") == pytest.approx(0.1)
    assert drift(telemetry, "eyes") == pytest.approx(0.1)


class Lines(logging.Handler):
    """What was logged, with the space it is about."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append((record.getMessage(), record.__dict__["fields"]["space"]))


def test_drift_is_logged_once_when_it_comes_and_once_when_it_goes(
    watch: RoutingWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = Lines()
    monkeypatch.setattr(log, "handlers", [lines])
    log.setLevel(logging.INFO)

    for words in (0.7, 0.2, 0.2, 0.7, 0.7):
        ask(watch, words)
    log.setLevel(logging.NOTSET)

    assert sorted(lines.said) == [
        ("routing drifts", "eyes"),
        ("routing drifts", "words"),
        ("routing is back in its range", "eyes"),
        ("routing is back in its range", "words"),
    ]


@pytest.mark.parametrize("how", [{"degraded": True}, {"binding": "canary"}, {"modality": "image+text"}])
def test_what_is_weighted_otherwise_for_a_reason_is_no_drift(
    telemetry: Telemetry, watch: RoutingWatch, how: dict[str, Any]
) -> None:
    ask(watch, 0.0, **how)

    assert drift(telemetry, "words") is None


def test_a_shadows_difference_is_counted(telemetry: Telemetry, watch: RoutingWatch) -> None:
    ask(watch, 0.7, 3, difference=0.25)
    ask(watch, 0.7, 2)

    def read(name: str) -> float | None:
        labels = {"modality": "text"}
        return telemetry.registry.get_sample_value(f"tieback_routing_shadow_difference_{name}", labels)

    assert (read("count"), read("sum")) == (3, 0.75)


def test_weights_are_counted_by_space_and_modality(telemetry: Telemetry) -> None:
    telemetry.observe_routing(RoutingExplanation("soft", {"words": 0.25}, 0.0, modality="text"))
    telemetry.observe_routing(RoutingExplanation("soft", {"words": 0.75}, 0.0, modality="image"))

    for modality, weight in {"text": 0.25, "image": 0.75}.items():
        labels = {"space": "words", "modality": modality}
        assert telemetry.registry.get_sample_value("tieback_router_weight_sum", labels) == weight
