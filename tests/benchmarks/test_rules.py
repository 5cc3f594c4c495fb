"""The benchmark of rules says of each what it names rightly and wrongly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.report import Report
from benchmarks.rules.abstaining import measured
from benchmarks.rules.conflicts import held

pytestmark = pytest.mark.all

KETTLE = "Kettle 2.4 has a lid of steel."


def test_a_rule_is_counted_by_source_where_it_speaks(tmp_path: Path) -> None:
    asked = [
        ("manuals", "What is new in Kettle 2.5?", False),
        ("manuals", "What is new in Kettle 2.4?", True),
        ("manuals", "Is the lid by Bodum?", True),
        ("letters", "What is the lid made of?", True),
    ]
    rows = [
        {"source": source, "question": question, "passage": KETTLE, "answerable": answerable}
        for source, question, answerable in asked
    ]
    (tmp_path / "answerable").mkdir()
    (tmp_path / "answerable" / "dev_domains.jsonl").write_text("\n".join(map(json.dumps, rows)))

    report = Report()
    measured(report, tmp_path, None, 10)

    counts = {
        (row["rule"].split()[1], row["source"]): (row["left open"], row["left open wrongly"])
        for row in report.tables["questions left open, by rule and source"]
    }
    assert counts == {
        ("identifier", "manuals"): (1, 0), ("identifier", "all"): (1, 0),
        ("name", "manuals"): (0, 1), ("name", "all"): (0, 1),
    }  # fmt: skip


def test_claims_are_held_against_the_sentences_that_share_most_words(tmp_path: Path) -> None:
    evidence = " ".join([*(f"Room {one} is cold." for one in range(9)), "The lid is of steel."])
    rows = [
        {"source": "bump", "label": label, "claim": "The lid is of tin.", "evidence": evidence}
        for label in ("unsupported", "supported", "contradicted")
    ]
    (tmp_path / "dev.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "dev_unseen_domains.jsonl").write_text("")

    found = list(held(tmp_path, 10))

    assert [one.is_false for one in found] == [True, False]
    assert all(one.sentences[0] == "The lid is of steel." and len(one.sentences) == 8 for one in found)
