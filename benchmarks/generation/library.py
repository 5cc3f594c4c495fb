"""Questions to the project's own documentation, asked as a user would ask them: of a collection.

`docs/questions.jsonl` has them, and its README how they were written. All pages of docs/ are the collection,
in the space that a server makes collections in by default, so retrieval is part of what is measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tieback_client import Answer, AnswerStyle, Client, Item

from benchmarks.data_folder import read_rows
from benchmarks.generation.answering import OUTCOMES, Asked, ask, claimed, outcome_of, words_of
from benchmarks.generation.conflicting import FALSE_ALARMS
from benchmarks.report import Report

PAGES = Path(__file__).parents[2] / "docs"
QUESTIONS = Path(__file__).parent / "docs" / "questions.jsonl"
NAME = "docs"


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the documentation. `sentence` of the `page` has the answer; empty where none has."""

    id: str
    kind: str
    asked: Asked
    page: str
    sentence: str


def questions(path: Path = QUESTIONS) -> list[Question]:
    """The questions of a file. DataError where it cannot be read."""
    found = []
    for row in read_rows(path):
        answers = row.get("answers", [])
        asked = Asked(row["question"], "", bool(answers), answers, NAME)
        found.append(Question(row["id"], row["kind"], asked, row["page"], row.get("sentence", "")))
    return found


def index_pages(client: Client) -> int:
    """Makes the collection; how many pages it has."""
    pages = sorted(PAGES.glob("*.md"))
    client.ingest(NAME, [Item.from_file(page, id=f"docs/{page.name}") for page in pages]).collect()
    return len(pages)


def answering_library(report: Report, client: Client, *, write: bool) -> None:
    """Asks every question in each style, and says where those go wrong that are quoted."""
    asked, pages = questions(), index_pages(client)
    styles = [(f"{NAME}, quote", AnswerStyle.QUOTE, False)]
    if write:
        styles += [(f"{NAME}, write", AnswerStyle.WRITE, False), (f"{NAME}, plain", AnswerStyle.WRITE, True)]
    table, kinds, each, conflicts = [], [], [], 0
    for title, style, is_plain in styles:
        found = [ask(client, one.asked, style, is_plain=is_plain) for one in asked]
        outcomes = [
            outcome_of(client, one.asked, answer, style) for one, answer in zip(asked, found, strict=True)
        ]
        shares = {kind: outcomes.count(kind) / len(asked) for kind in OUTCOMES}
        table.append({"style": title, "questions": len(asked), **shares})
        if not is_plain:
            claimed(report, shares, style, NAME)
        if style is AnswerStyle.QUOTE:
            for kind in dict.fromkeys(one.kind for one in asked):
                own = Counter(out for one, out in zip(asked, outcomes, strict=True) if one.kind == kind)
                kinds.append({"kind": kind, "questions": own.total(), **{out: own[out] for out in OUTCOMES}})
            each = [
                {"id": one.id, "outcome": out, "sentence retrieved": is_retrieved(one, answer)}
                for one, out, answer in zip(asked, outcomes, found, strict=True)
            ]
            conflicts = sum(bool(answer.conflicts) for answer in found)
    report.table(f"questions to {pages} pages of documentation", table)
    report.table("documentation, quoted, questions by kind", kinds)
    report.table("documentation, quoted, each question", each)
    answerable = [row for row, one in zip(each, asked, strict=True) if one.sentence]
    report.claim(
        "questions whose answer is among the passages",
        sum(bool(row["sentence retrieved"]) for row in answerable) / len(answerable),
        "",
        ">= 0.8",
    )
    report.claim("answers of docs that name a conflict", conflicts / len(asked), "", f"<= {FALSE_ALARMS}")


def is_retrieved(one: Question, answer: Answer, passages: int = 5) -> bool | None:
    """Tell whether one of the passages that were read has the sentence; None where no page has it."""
    if not one.sentence or answer.retrieval is None:
        return None
    texts: Sequence[str] = [found.hit.text for found in answer.retrieval.hits[:passages]]
    return any(words_of(one.sentence) in words_of(text) for text in texts)
