"""The benchmark of strategies answers from evidence, and compares at the same entropy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import strategies
from benchmarks.strategies import STRATEGIES, f1, plain_at, questions, reported

pytestmark = pytest.mark.all


def test_questions_are_those_with_an_answer_from_all_sets_in_turns(tmp_path: Path) -> None:
    (tmp_path / "answerable").mkdir()
    rows = [
        {
            "question": f"q{n}",
            "passage": "p",
            "answerable": n % 2 == 0,
            "answers": ["a"],
            "source": "one" if n < 90 else "two",
        }
        for n in range(100)
    ]
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    (tmp_path / "answerable" / "dev.jsonl").write_text(lines, encoding="utf-8")

    found = [int(one.question[1:]) for one in questions(tmp_path, 8)]

    assert len(found) == 8
    assert all(n % 2 == 0 for n in found)
    assert [n >= 90 for n in found] == [False, True] * 4


def test_f1_counts_words() -> None:
    assert f1("It opens at 9.", "at 9") == pytest.approx(2 * 2 / 6)
    assert f1("no", "yes") == 0
    assert f1("", "yes") == 0


def test_gains_are_over_plain_decoding_of_the_same_entropy() -> None:
    temperatures = {name: 0.5 if name == "ritual" else 1.0 for name in STRATEGIES}
    names = ["plain, greedy", plain_at(1.0), plain_at(0.5)]
    names += [f"{name}, {how}" for name in STRATEGIES for how in ("greedy", "sampled")]
    worth = {"F1": 0.5, "changed": 2.0, "tokens": 10.0}
    rows = [
        {name: {"right": float(name in right), **worth} for name in names}
        for right in (["plain at 0.5", "ritual, sampled"], ["ritual, sampled"])
    ]

    report = reported(rows, dict.fromkeys(STRATEGIES, 1.0), temperatures)

    gains = {(row["written by"], row["over"]): row["right"] for row in report.tables["Points gained"]}
    assert gains["ritual, sampled", "plain at 0.5"] == 50
    assert gains["ritual, sampled", "plain at 1"] == 100
    claims = [claim.name for claim in report.claims]
    assert "right answers of ritual, sampled, over plain at 0.5" in claims
    assert "right answers of ritual, sampled, over plain at 1" not in claims
    [answers] = [rows for name, rows in report.tables.items() if name.startswith("Answers")]
    assert {row["changed"] for row in answers} == {20.0}


def test_data_without_questions_end_the_program_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"strategies: --data"):
        strategies.run(type("Options", (), {"data": tmp_path, "questions": 5})())
