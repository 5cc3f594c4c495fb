"""The benchmark of conflicts counts what is named where people found a contradiction, and elsewhere."""

from __future__ import annotations

import pytest
from tieback_client import VerdictLabel

from benchmarks.conflicts import measured, row
from benchmarks.grounding import Labelled

pytestmark = pytest.mark.all

SUPPORTED, CONTRADICTED = VerdictLabel.SUPPORTED, VerdictLabel.CONTRADICTED


def test_a_source_has_its_recall_its_false_alarms_and_how_many_of_those_named_are_right() -> None:
    found = row(
        "wice-chunk",
        [(CONTRADICTED, "number"), (CONTRADICTED, ""), (SUPPORTED, "name"), (SUPPORTED, ""), (SUPPORTED, "")],
    )

    assert found["domain"] == "Wikipedia claims, pages they cite"
    assert (found["contradicted, named"], found["rightly"]) == (0.5, 0.5)
    assert found["supported, called so"] == pytest.approx(1 / 3)


def test_a_claim_and_its_evidence_are_asked_of_a_server_as_two_passages() -> None:
    bridge = "The old bridge was built in 1884 by Maria Weber."
    labelled = [
        Labelled([bridge], "The old bridge was built in 1877 by Maria Weber.", CONTRADICTED),
        Labelled([bridge], "The old bridge was built in 1884.", SUPPORTED),
    ]

    report = measured({"bridges": labelled})

    [found] = report.tables["conflicts by source"]
    assert (found["contradicted, named"], found["supported, called so"]) == (1.0, 0.0)
    assert report.tables["named, by label and kind"] == [
        {"claims that are": "contradicted", "called": "date", "count": 1}
    ]
