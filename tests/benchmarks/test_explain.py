"""The benchmark of explanations asks with and without one, and holds the steps against the whole call."""

import pytest
from tieback_client import Stage, Timing

from benchmarks.explain import PLANS, SEARCH, covered, measured
from benchmarks.pipeline.judged import Document, Judged, Question

pytestmark = pytest.mark.all


def test_steps_side_by_side_count_once_and_parts_of_a_step_not_at_all() -> None:
    stages = [
        Stage("encode:a", 0.0, 0.4),
        Stage("encode:b", 0.1, 0.5),
        Stage("search", 0.7, 0.3),
        Stage("merge", 0.7, 0.2, within="search"),
    ]

    assert covered(Timing(total=1.0, stages=stages)) == pytest.approx(0.9)


def test_every_plan_is_asked_and_has_its_cost_and_its_share() -> None:
    documents = [Document(str(n), text) for n, text in enumerate(["a heron in the reeds", "a steel bridge"])]
    judged = Judged("small", documents, [Question("a", ["a heron"], {"0": 1})])

    report = measured(judged, 1, 2, spaces=["wordllama-256"])

    (rows,) = report.tables.values()
    assert [row["asked by"] for row in rows] == [*(f"Retrieve, {name}" for name in PLANS), SEARCH]
    assert all(0.5 < row["lowest share"] <= 1 for row in rows)
    assert len(report.claims) == 2 * len(rows)
