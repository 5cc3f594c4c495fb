"""The benchmark of highlights asks each question of its own passage."""

import json
from pathlib import Path

import pytest

from benchmarks.highlights import Asked, measured, questions

pytestmark = pytest.mark.all

PASSAGE = "Herons stand in reeds. The moon pulls the tide. Bread is baked at night."


def test_questions_are_those_that_one_sentence_answers(tmp_path: Path) -> None:
    row: dict[str, object] = {
        "question": "q",
        "passage": PASSAGE,
        "answerable": True,
        "answers": ["the tide"],
        "source": "squad2",
    }
    others: list[dict[str, object]] = [
        {"source": "clapnq"},
        {"answerable": False},
        {"answers": ["e"]},
        {"passage": "One. Two."},
    ]
    lines = [row, *(row | other for other in others)]
    lines.append(row | {"source": "qed", "sentence": "Bread is baked at night."})
    (tmp_path / "dev.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))

    found = list(questions(tmp_path / "dev.jsonl"))

    assert [(one.source, one.answer) for one in found] == [
        ("squad2", "the tide"),
        ("qed", "Bread is baked at night."),
    ]


def test_words_and_vectors_find_the_sentence_and_the_first_one_is_another() -> None:
    asked = [
        Asked("squad2", "what does the moon pull?", PASSAGE, "the tide"),
        Asked("squad2", "when is bread baked?", PASSAGE, "at night"),
    ]

    report = measured(asked, ["wordllama-256"])

    [row] = report.tables["share of questions whose first highlight answers"]
    assert (row["words"], row["words, else vectors"], row["the first sentence"]) == (1, 1, 0)
    assert [one["query"] for one in report.tables["cost of two highlights of ten hits"]] == [
        "Retrieve",
        "Retrieve, ranked",
    ]
    assert [claim.met for claim in report.claims] == [False, True]
