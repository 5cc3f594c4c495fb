"""Questions to manuals of others whose answers stand in code, lists and tables, asked of a collection each.

`structured/README.md` says where the manuals are to be had.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tieback_client import AnswerStyle, Client, Item

from benchmarks.data_folder import read_rows
from benchmarks.generation.answering import OUTCOMES, Asked, ask, claimed, outcome_of
from benchmarks.report import Report

QUESTIONS = Path(__file__).parent / "structured" / "questions.jsonl"
NAME = "structured"
SUFFIXES = (".html", ".md")


@dataclass(frozen=True, slots=True)
class Question:
    """A question to a manual; `kind` is what its answer stands in."""

    id: str
    kind: str
    asked: Asked


def questions(path: Path = QUESTIONS) -> list[Question]:
    """The questions of a file. DataError where it cannot be read."""
    found = []
    for row in read_rows(path):
        asked = Asked(row["question"], "", bool(row["answers"]), row["answers"], row["manual"])
        found.append(Question(row["id"], row["kind"], asked))
    return found


def answering_manuals(report: Report, client: Client, folder: Path) -> None:
    """Indexes the manuals, and quotes what answers each question."""
    asked = [one for one in questions() if (folder / one.asked.collection).is_dir()]
    for name in sorted({one.asked.collection for one in asked}):
        found = sorted((folder / name).rglob("*"))
        pages = [page for page in found if page.suffix in SUFFIXES and page.stat().st_size]
        for page in pages:
            items = Item.all_from_file(page, id=str(page.relative_to(folder / name)))
            client.ingest(name, items).collect()
    style = AnswerStyle.QUOTE
    outcomes = [outcome_of(client, one.asked, ask(client, one.asked, style), style) for one in asked]
    if not outcomes:
        return
    for title, names in (
        ("manuals, by what answers", [one.kind for one in asked]),
        ("manuals, by manual", [one.asked.collection for one in asked]),
    ):
        table = []
        for name in dict.fromkeys(names):
            own = Counter(out for out, at in zip(outcomes, names, strict=True) if at == name)
            table.append(
                {"questions to": name, "questions": own.total(), **{out: own[out] for out in OUTCOMES}}
            )
        report.table(title, table)
    shares = {kind: outcomes.count(kind) / len(outcomes) for kind in OUTCOMES}
    claimed(report, shares, style, NAME)
    report.table(
        "manuals, each question",
        [{"id": one.id, "outcome": out} for one, out in zip(asked, outcomes, strict=True)],
    )
