"""The benchmark of documents asks every question of both halves by both ways."""

import pytest

from benchmarks.documents import DOCUMENTS, SECTIONS, item_of, measured, stretches
from benchmarks.pipeline.judged import DEV, HELD_OUT, Document, Judged, Question

pytestmark = pytest.mark.all


def test_both_halves_are_asked_by_sections_and_by_documents() -> None:
    texts = ["a heron stands in the reeds. ", "the bridge was built of steel. ", "bread is baked at night. "]
    documents = [Document(str(n), f"Page {n} {text * 12}", f"Page {n}") for n, text in enumerate(texts)]
    questions = [
        Question("a", ["a heron"], {"0": 1}, split=DEV, answer=["reeds"]),
        Question("b", ["a bridge of steel"], {"1": 1}, split=HELD_OUT),
        Question("d", ["when is bread baked?"], {"2": 1}, split=DEV, answer=["a heron"]),
    ]

    report = measured([Judged("small", documents, questions)], spaces=["wordllama-256"])

    rows = {row["half"]: row for row in report.tables["nDCG@10 of items by half"]}
    assert {half: row["questions"] for half, row in rows.items()} == {DEV: 2, HELD_OUT: 1}
    assert all(row[way] == 1 for row in rows.values() for way in (SECTIONS, DOCUMENTS))
    assert rows[DEV][f"{DOCUMENTS}: answer in the first section"] == 0.5
    assert rows[DEV][f"{DOCUMENTS}: answer in the passages read"] == 1
    assert rows[HELD_OUT][f"{DOCUMENTS}: answer in the passages read"] is None
    assert rows[DEV]["sections an item"] == 1
    [claim] = report.claims
    assert (claim.value, claim.met) == (0, True)


def test_a_text_is_sections_of_fifty_words_or_more_without_its_title() -> None:
    text = "Six words are in this sentence. " * 20

    item = item_of(Document("a", f"Title {text}", "Title"))

    assert [len(one.split()) for one in stretches(text)] == [54, 66]
    assert item.title == "Title"
    assert isinstance(item.sections, list)
    assert len(item.sections) == 2
    assert [len(one.split()) for one in stretches("A short text. And no more.")] == [6]
