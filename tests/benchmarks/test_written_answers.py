"""Questions of the benchmarks of written answers, and the words that their F1 counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.lab.written_answers import f1, questions

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
