"""What is counted of an answer's events."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.settings import Settings
from tieback_contract.answers import GenerationEvent
from tieback_contract.claims import Conflict, ConflictingPlace, ConflictKind, Repaired, VerdictLabel

PLACE = ConflictingPlace("1", "bridge", "1", (0, 14), (9, 13), "Built in 2019.")


@pytest.mark.parametrize(
    ("event", "series"),
    [
        (
            Repaired((0, 0), "It is long.", VerdictLabel.UNSUPPORTED, 0.1),
            ("tieback_repairs_total", {"label": "unsupported", "outcome": "dropped"}),
        ),
        (
            Repaired((0, 9), "It is long.", VerdictLabel.CONTRADICTED, 0.1),
            ("tieback_repairs_total", {"label": "contradicted", "outcome": "rewritten"}),
        ),
        (Conflict(1, ConflictKind.DATE, PLACE, PLACE), ("tieback_conflicts_total", {"kind": "date"})),
    ],
)
def test_what_was_repaired_and_what_disagrees_is_counted(
    event: GenerationEvent, series: tuple[str, dict[str, str]]
) -> None:
    telemetry = Telemetry(Settings())
    telemetry.observe_generation(event, "plain")

    page = telemetry.page().decode()

    found = {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    assert found[series[0], tuple(series[1].items())] == 1
