"""What stands above a quote is told with it where the question asks for it."""

from __future__ import annotations

import numpy as np
import pytest
from support.each import each
from tieback.core.text.passage_units import in_bytes
from tieback.generator.evidence.reading import above
from tieback.methods.grounding import Passage

TITLE = "Rust › Version 1.95 (2026-04-16) › Language"
TABLE = "Settings:\n\nName | Default\n--- | ---\ntimeout | 30 s"


def passage(text: str, title: str = TITLE) -> Passage:
    spans = [span for _, span in in_bytes(text, title)]
    return Passage(text, spans, np.zeros((len(spans), 1), np.float32), title=title)


@each(
    "question, told",
    [
        ("When was Rust 1.95 released?", "Rust › Version 1.95 (2026-04-16): "),
        ("When were guards stabilised?", "Version 1.95 (2026-04-16): "),
        ("Which language features are there?", "Language: "),
        ("What was stabilised on match arms?", ""),
        ("Which release notes name the language of the arms?", "Language: "),
    ],
)
def test_headings_that_the_question_asks_for_are_told(question: str, told: str) -> None:
    assert above(question, passage("- Stabilise guards on match arms.\n"), 0) == told


def test_a_long_title_that_shares_a_word_with_the_question_is_not_told() -> None:
    title = "Small real data sets for evaluation, benchmarks and training"

    assert above("How many rows has the set of NPL?", passage("NPL has 11,429 rows.", title), 0) == ""


def test_a_question_above_is_told_as_one_and_a_line_that_leads_without_its_underline() -> None:
    asked = passage("No.\n", "Questions › Is the lid open?")
    led = passage("Ports that are public\n---------------------\n\n- 80\n- 443\n", "Server")

    assert above("Is the lid open now?", asked, 0) == "Is the lid open? "
    assert above("Which ports are public?", led, 1) == "Ports that are public: "


def test_a_heading_says_nothing_that_the_quote_says() -> None:
    text = "Rust 1.95 was released on 2026-04-16."

    assert above("When was Rust 1.95 released?", passage(text), 0) == ""


def test_a_row_is_told_with_the_names_of_its_columns_and_an_item_with_what_leads_to_it() -> None:
    items = "Ports that are public:\n\n- 80\n- 443\n"

    assert above("Which default has timeout?", passage(TABLE, "Server"), 1) == "Name | Default\n"
    assert above("Which setting has 30 s?", passage(TABLE, "Server"), 1) == "Settings:\nName | Default\n"
    assert above("Which ports are public?", passage(items, "Server"), 2) == "Ports that are public: "


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("Which endpoint stops the kettle?", "`PUT /-/off POST /-/off`: "),
        ("What stops the kettle?", ""),
    ],
)
def test_code_is_told_before_what_is_said_of_it_where_it_is_asked_for(question: str, told: str) -> None:
    text = "```\nPUT  /-/off\nPOST /-/off\n```\n\nThis endpoint stops it. This endpoint is disabled."

    assert above(question, passage(text, "Management"), 1) == told
    assert above(question, passage(text, "Management"), 2) == ""
