"""Values that an artifact gives are compared with the ranges that it had when it was made."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import pytest
from support.small_binding import imputation, routed, text
from tieback.core.call import NO_CALL
from tieback.core.types.fusion import FuseRequest, Role, Routing
from tieback.models.joint.artifact import BINDING
from tieback.router import Router
from tieback.serving.metrics.observed import observed
from tieback.serving.metrics.ranges import WINDOW, log
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.settings import Settings
from tieback_contract.fusion import RoutingExplanation

RANGES = {"text": {"words": (0.6, 0.8), "eyes": (0.2, 0.4)}}


@pytest.fixture
def telemetry() -> Telemetry:
    made = Telemetry(Settings())
    made.ranges.expect("binding", "served", RANGES)
    return made


def drift(telemetry: Telemetry, value: str, kind: str = "binding") -> float | None:
    labels = {"kind": kind, "input": "text", "value": value}
    return telemetry.registry.get_sample_value("tieback_artifact_drift", labels)


def give(telemetry: Telemetry, words: float, times: int = WINDOW, revision: str = "served") -> None:
    for _ in range(times):
        telemetry.ranges.observe("binding", revision, "text", {"words": words, "eyes": 1 - words})


def test_there_is_no_drift_before_as_many_values_as_a_range_is_of(telemetry: Telemetry) -> None:
    give(telemetry, 0.0, WINDOW - 1)

    assert drift(telemetry, "words") is None


def test_drift_is_the_distance_of_the_mean_from_its_range(telemetry: Telemetry) -> None:
    give(telemetry, 0.7)
    inside = drift(telemetry, "words")
    give(telemetry, 0.5, WINDOW // 2)  # the mean of the last hundred is 0.6 now, the edge
    edge = drift(telemetry, "words")
    give(telemetry, 0.5, WINDOW)

    assert (inside, edge) == (0.0, 0.0)
    assert drift(telemetry, "words") == pytest.approx(0.1)
    assert drift(telemetry, "eyes") == pytest.approx(0.1)


def test_another_revision_is_not_watched(telemetry: Telemetry) -> None:
    give(telemetry, 0.0, revision="tried")

    assert drift(telemetry, "words") is None


class Lines(logging.Handler):
    """The lines that were logged, each with the value that it is about."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append((record.getMessage(), record.__dict__["fields"]["value"]))


def test_drift_is_logged_once_when_it_comes_and_once_when_it_goes(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = Lines()
    monkeypatch.setattr(log, "handlers", [lines])
    log.setLevel(logging.INFO)

    for words in (0.7, 0.2, 0.2, 0.7, 0.7):
        give(telemetry, words)
    log.setLevel(logging.NOTSET)

    assert sorted(lines.said) == [
        ("an artifact's values are back in their range", "eyes"),
        ("an artifact's values are back in their range", "words"),
        ("an artifact's values drift", "eyes"),
        ("an artifact's values drift", "words"),
    ]


@pytest.mark.parametrize(
    ("lost", "asked", "counts"),
    [
        (False, {}, True),
        (True, {}, False),
        (False, {"role": Role.DOCUMENT}, False),
        (False, {"routing": Routing("uniform")}, False),
        (False, {"routing": Routing("soft")}, False),
    ],
)
async def test_weights_that_routers_gave_as_at_binding_count_and_no_others(
    lost: bool, asked: dict[str, Any], counts: bool
) -> None:
    telemetry = Telemetry(Settings())
    bound = dataclasses.replace(routed(), imputations=(imputation("ridge"),))
    ranges = {str(one.modality): one.weight_ranges for one in bound.routers}
    telemetry.ranges.expect(BINDING.name, bound.revision, ranges)
    router = observed(Router.bound(bound), telemetry)

    parts = text(1.0, 0.5)
    await router.fuse(FuseRequest([parts[: 1 if lost else None]] * WINDOW, **asked), NO_CALL)

    assert (drift(telemetry, "eyes", BINDING.name) is not None) == counts


def test_weights_are_counted_by_space_and_modality(telemetry: Telemetry) -> None:
    telemetry.observe_routing(RoutingExplanation("soft", {"words": 0.25}, 0.0, modality="text"))
    telemetry.observe_routing(RoutingExplanation("soft", {"words": 0.75}, 0.0, modality="image"))

    for modality, weight in {"text": 0.25, "image": 0.75}.items():
        labels = {"space": "words", "modality": modality}
        assert telemetry.registry.get_sample_value("tieback_router_weight_sum", labels) == weight
