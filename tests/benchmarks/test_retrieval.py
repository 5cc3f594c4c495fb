"""The benchmark of retrieval asks every plan, and leaves each collection out once."""

import pytest

from benchmarks.pipeline.judged import Document, Judged, Question
from benchmarks.retrieval import measured

pytestmark = pytest.mark.all


def collection(name: str, *texts: str) -> Judged:
    documents = [Document(str(n), text) for n, text in enumerate(texts)]
    questions = [
        Question(f"{name}-{n}", [" ".join(text.split()[-3:])], {str(n): 1}) for n, text in enumerate(texts)
    ]
    return Judged(name, documents, questions)


def test_every_plan_is_measured_and_every_collection_is_left_out_once() -> None:
    birds = collection("birds", "a heron in the reeds", "an owl flies at night", "a swift never lands here")
    works = collection("works", "the bridge was built of steel", "bread is baked at night", "a mill of stone")

    report = measured([birds, works], spaces=["wordllama-256"])

    rows = {(row["collection"], row["plan"]): row for row in report.tables["plans"]}
    assert {name for _, name in rows} >= {"first stage", "feedback rocchio", "learned linear"}
    for row in rows.values():
        assert row["questions"] == 3
        assert row["low"] <= row["less first"] <= row["high"]
    assert rows["birds", "first stage"]["less first"] == 0
    assert rows["birds", "first stage"]["recall@100"] == 1
    left_out = report.tables["leave-one-out"]
    assert [row["left out"] for row in left_out] == ["birds", "works"]
    assert all(row["search"] > 0 for row in left_out)
    assert len(report.claims) == 4


def test_a_few_plans_are_asked_beside_the_first_stage_where_they_are_named() -> None:
    birds = collection("birds", "a heron in the reeds", "an owl flies at night", "a swift never lands here")

    report = measured([birds], spaces=["wordllama-256"], only=["learned"])

    assert [row["plan"] for row in report.tables["plans"]] == ["first stage", "learned linear"]
    assert all(row["recall@100"] is None for row in report.tables["plans"])
    assert "leave-one-out" not in report.tables
    assert len(report.claims) == 2
