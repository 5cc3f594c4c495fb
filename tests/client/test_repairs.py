"""Repairs of an answer: put back by the SDK, shown by the command line, and asked for by a request."""

from __future__ import annotations

import dataclasses
from typing import Any

from support.each import each
from tieback_client import Answer, Grounding, Repair, Repaired, VerdictLabel
from tieback_client.cli.query.showing import repaired
from tieback_client.messages.writing_generation import grounding

NO = VerdictLabel.UNSUPPORTED


@each(
    "text, repaired, written",
    [
        ("A. C.", [Repaired((2, 2), " B.", NO, 0.1)], "A. B. C."),
        ("C. D.", [Repaired((0, 0), "A.", NO, 0.1), Repaired((0, 0), " B.", NO, 0.1)], "A. B. C. D."),
        ("B.", [Repaired((0, 0), "A.", NO, 0.1), Repaired((2, 2), " C.", NO, 0.1)], "A. B. C."),
        ("Ä. X. C.", [Repaired((3, 6), " B.", NO, 0.1)], "Ä. B. C."),
        ("", [Repaired((0, 0), "A.", NO, 0.1)], "A."),
        ("A.", [], "A."),
    ],
)
def test_the_unrepaired_text_is_what_the_model_wrote(
    text: str, repaired: list[Repaired], written: str
) -> None:
    assert Answer(text=text, repaired=repaired).unrepaired_text == written


def test_the_command_line_shows_what_was_left_out_and_what_stands_in_its_place() -> None:
    contradicted = Repaired((2, 5), " B.", VerdictLabel.CONTRADICTED, 0.1)
    answer = Answer(text="A. X.", repaired=[contradicted, Repaired((5, 5), " C.", NO, 0.2)])

    _, again, out = (line.plain for line in repaired(answer.shown.repairs))

    assert again == "Written again: B. ✗ → X."
    assert out == "Left out: C. ?"
    assert repaired(Answer(text="A.").shown.repairs) == []


def test_every_field_of_grounding_is_sent() -> None:
    given: dict[str, Any] = {
        "checker": "lexical", "abstain_below": 0.5, "disabled": True, "answerability": "relevance",
        "decision": "linear", "repair": Repair.DROP, "soft_prompt": "xrag", "evidence_tokens": 200,
    }  # fmt: skip
    plain = grounding(Grounding())

    assert given.keys() == {field.name for field in dataclasses.fields(Grounding)}
    for name, value in given.items():
        assert grounding(Grounding(**{name: value})) != plain, name
