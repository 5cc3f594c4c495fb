"""What the benchmark of FusionSent makes of questions and of what it found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.lab.fusionsent import TOPICS, lines_of, tell
from benchmarks.report import Report

pytestmark = pytest.mark.all


def test_questions_of_the_topics_are_examples_and_each_topic_is_described(tmp_path: Path) -> None:
    rows = [
        {"category": "Law", "question": "Is it legal?"},
        {"category": "Proverbs", "question": "Is it so?"},
    ]
    (tmp_path / "truthfulqa.jsonl").write_text("\n".join(map(json.dumps, rows)))

    found = lines_of(tmp_path)

    assert {line["label"] for line in found if "description" in line} == TOPICS.keys()
    assert [line for line in found if "text" in line] == [{"text": "Is it legal?", "label": "Law"}]


def test_the_merge_is_held_against_its_bodies_by_the_mean_over_seeds() -> None:
    report = Report()
    tell(
        report,
        [
            {"before": 0.5, "pairs": 0.6, "label texts": 0.7, "merged": 0.7},
            {"before": 0.5, "pairs": 0.6, "label texts": 0.6, "merged": 0.6},
        ],
    )

    claims = {claim.name: claim.value for claim in report.claims}
    assert list(claims.values()) == pytest.approx([0.05, 0.0, 0.15])
    assert [name.partition("merged over ")[2] for name in claims] == [
        "the body by pairs of examples (SetFit)",
        "the better of its bodies",
        "the encoder as it was",
    ]
    assert [claim.met for claim in report.claims] == [False, False, True], "one seed misses the first two"
