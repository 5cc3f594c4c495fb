"""The benchmark of follow-up questions asks each in every way."""

from __future__ import annotations

from typing import Any

import pytest
from tieback_client import Item

from benchmarks.followups import WAYS, _answers, _follow_ups, _standing_alone, measured

pytestmark = pytest.mark.all

CONVERSATIONS: list[dict[str, Any]] = [
    {
        "title": f"{name} Bridge",
        "section": "History",
        "history": [
            {"question": "Who built it?", "answer": f"{builder} built the bridge of stone and iron."},
            {"question": "Why?", "answer": "I don't know."},
            {"question": "When did it open?", "answer": f"It opened in {year}, a year late."},
        ],
        "question": "And where?",
        "rewrite": f"Where is {name} Bridge?",
    }
    for name, builder, year in (
        ("Severn", "Roberts", 1966),
        ("Forth", "Baker", 1890),
        ("Menai", "Telford", 1826),
    )
]
STANDING = [
    {"question": f"Who built the {name} Bridge?", "answerable": True, "answers": ["x"], "documents": [name]}
    for name in ("Severn", "Forth", "Menai")
]


def test_a_rewritten_question_finds_the_answer_of_its_own_article() -> None:
    documents = {
        "titled": _answers(CONVERSATIONS, titled=True),
        "few": [Item.from_text(name, f"The {name} Bridge is old.") for name in ("Severn", "Forth", "Menai")],
    }
    asked = {
        "follow-ups": list(_follow_ups(CONVERSATIONS, "titled", changing=True)),
        "few, needs nothing": list(_standing_alone("few", STANDING)),
    }

    report = measured(documents, asked, CONVERSATIONS, ["wordllama-256"])

    ranks = report.tables["reciprocal rank of the answer among 10 hits, mean"]
    assert [row["number"] for row in ranks] == [6, 3]
    assert ranks[0]["rewritten"] > 0.9 > ranks[0]["as asked"]
    assert ranks[1]["rewritten"] == ranks[1]["as asked"] == 1
    words = {row["way"]: row for row in report.tables["content words of a person's rewrite"]}
    assert list(words) == list(WAYS)
    assert words["rewritten"]["recall"] == 1 > words["as asked"]["recall"]
    assert [claim.met for claim in report.claims] == [True, True]
