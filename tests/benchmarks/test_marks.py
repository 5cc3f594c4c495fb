"""The benchmark of marks counts the characters that are marked and those that people marked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tieback_client import Checked, Claim, Disagreement, Verdict, VerdictLabel

from benchmarks.marks import Marked, absent_words, by_kind, measured, read, row

pytestmark = pytest.mark.all

EVIDENCE = "Die Brücke: the toll of the bridge is two crowns."
WRONG = Marked("Größe: the toll is three crowns.", EVIDENCE, [(19, 24)], is_supported=False)
RIGHT = Marked("The toll is two crowns.", EVIDENCE, [], is_supported=True)


def checked(text: str, *marked: tuple[int, int]) -> Checked:
    verdict = Verdict(1, VerdictLabel.UNSUPPORTED, 0.1, "a", disagreement=Disagreement.NUMBER, marked=marked)
    return Checked(text, [Claim(1, (0, len(text.encode())), text)], [], {1: verdict})


def test_precision_and_recall_are_of_characters_without_white_space_and_spans_are_bytes() -> None:
    found = [(WRONG, checked(WRONG.claim, (21, 33))), (RIGHT, checked(RIGHT.claim, (0, 3)))]

    measures = row("bump", found)

    assert (measures["precision"], measures["recall"]) == (5 / 11, 1.0)
    assert measures["F1"] == pytest.approx(2 * 5 / 16)
    assert (measures["claims"], measures["supported claims"]) == (1, 1)
    assert measures["marked of supported ones"] == pytest.approx(3 / 19)
    assert by_kind(found) == [{"disagreement": "number", "sentences": 1, "precision": 5 / 11}]


def test_beside_it_is_what_marks_every_content_word_that_the_evidence_lacks() -> None:
    assert [WRONG.claim[slice(*span)] for span in absent_words(WRONG)] == ["Größe", "three"]


def test_evidence_is_that_of_the_row_or_found_by_its_id(tmp_path: Path) -> None:
    for folder in ("spans", "grounding"):
        (tmp_path / folder).mkdir()
    wrong = {"claim": "It is red.", "label": "unsupported", "spans": [{"start": 6, "end": 9, "text": "red"}]}
    rows = [wrong | {"evidence": "It is blue."}, wrong | {"id": "b"}, wrong | {"id": "b"}]
    (tmp_path / "spans/bump.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    (tmp_path / "grounding/dev.jsonl").write_text("")
    (tmp_path / "grounding/dev_unseen_domains.jsonl").write_text('{"id": "b", "evidence": "It is green."}\n')

    found = read(tmp_path, "bump", 2)

    assert [(one.evidence, one.spans) for one in found] == [
        ("It is blue.", [(6, 9)]), ("It is green.", [(6, 9)]),
    ]  # fmt: skip


def test_claims_are_asked_of_a_server_by_their_sentences() -> None:
    report = measured({"bridges": [WRONG]})

    [found] = report.tables["marked characters by source"]
    assert (found["claims"], found["recall"]) == (1, 1.0)
