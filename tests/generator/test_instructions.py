"""Where it is asked how something is done, commands are quoted before what is said about it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from support.each import each
from tieback.core.passage_units import in_bytes
from tieback.generator.evidence import ReadEvidence
from tieback.generator.quoting import A_VERSION, best
from tieback.methods.answerability import Judgement
from tieback.methods.grounding import Passage, Statement

NO_ROWS = np.zeros((0, 1), np.float32)
CODE = "Boil it so:\n\n```\nkettle boil\n```\n"
FAULTS = "| Error | What to do |\n| --- | --- |\n| E7 | boil it again |\n"
OPTIONS = "| Option | Meaning |\n| --- | --- |\n| --again | boil it again |\n"


PLANS = "| Plan | Price |\n| --- | --- |\n| Plus | 4 |\n| Premium | 9 |\n"


def quotes(question: str, text: str, aligned: Sequence[float]) -> list[str]:
    """What is quoted of a text whose parts are aligned with a question so well."""
    spans = [span for _, span in in_bytes(text, "")]
    assert len(spans) == len(aligned), [text.encode()[slice(*span)] for span in spans]
    passage = Passage(text, spans, np.zeros((len(spans), 1), np.float32))
    values = [np.array(aligned)]
    asked = Statement(question, np.zeros(1, np.float32), NO_ROWS)
    read = ReadEvidence(asked, [passage], values, Judgement(np.zeros(1), 0.0), values)
    return [read.text(*place) for place in best(read)]


@pytest.mark.parametrize("question", ["How do I boil milk?", "how to boil milk", "How can we boil milk?"])
def test_a_command_is_quoted_in_place_of_a_sentence_that_is_a_little_nearer(question: str) -> None:
    text = f"Milk boils.\n\n{CODE}"

    assert quotes(question, text, [0.8, 0.7]) == [CODE.strip()]
    assert quotes(question, text, [0.8, 0.6]) == ["Milk boils."]


def test_a_command_within_a_sentence_counts() -> None:
    text = "Milk boils. `kettle boil` boils it. The `kettle` is hot."

    assert quotes("How do I boil milk?", text, [0.8, 0.68, 0.79]) == ["`kettle boil` boils it."]


def test_what_only_repeats_the_question_is_quoted_where_nothing_else_is_there_or_nothing_is_asked() -> None:
    text = "Installs shims.\n\n```\n$ kettle rehash\n```\n"

    assert quotes("What does kettle rehash do?", text, [0.5, 0.9]) == ["Installs shims."]
    assert quotes("What does kettle rehash do?", "`kettle rehash` does.", [0.9]) == ["`kettle rehash` does."]
    assert quotes("kettle rehash", text, [0.5, 0.9]) == ["$ kettle rehash"]


def test_an_entry_of_a_list_of_changes_is_quoted_where_a_change_is_asked_for_or_nothing_else_is_as_good() -> (
    None
):
    entry = "Make the kettle boil milk safer (#1092)."
    text = f"The kettle can boil milk. {entry}"

    assert quotes("Can a kettle boil milk?", text, [0.8, 0.9]) == ["The kettle can boil milk."]
    assert quotes("Can a kettle boil milk?", text, [0.7, 0.9]) == [entry]
    assert quotes("When was the kettle made safer?", text, [0.8, 0.9]) == [entry]
    assert quotes("Can a kettle boil milk?", entry, [0.9]) == [entry]


@each("heading", ["1.2.4", "v2.0 (2024-03-01)", "Release v2.5.0", "[1.0.0] - 2023-01-02", "20240301"])
def test_what_stands_under_a_version_is_a_change(heading: str) -> None:
    assert A_VERSION.fullmatch(heading)


@each("heading", ["2 Usage", "Version control", "3.1 Limits", "2024"])
def test_a_numbered_heading_is_no_version(heading: str) -> None:
    assert not A_VERSION.fullmatch(heading)


@each(
    "row",
    [
        "`KETTLE_ROOT` | /home | Where it stands.",
        "| KETTLE_ROOT | where it stands |",
        "| <code class='x'>KETTLE_ROOT</code> | where it stands |",
        "- `KETTLE_ROOT`: where it stands.",
    ],
)
def test_where_a_setting_is_defined_is_before_where_it_is_used(row: str) -> None:
    used = "Add $KETTLE_ROOT/bin to the path of it."

    assert quotes("What is KETTLE_ROOT?", f"{used}\n\n{row}", [0.8, 0.75]) == [row]
    assert quotes("What is KETTLE_ROOT?", f"{used}\n\n{row}", [0.8, 0.6]) == [used]


def test_where_something_else_is_asked_the_nearest_is_quoted() -> None:
    assert quotes("How does milk boil?", f"Milk boils.\n\n{CODE}", [0.8, 0.7]) == ["Milk boils."]


def test_a_row_of_errors_is_quoted_only_where_nothing_else_is_there() -> None:
    question = "How do I boil it again?"

    assert quotes(question, f"Press the knob.\n\n{FAULTS}", [0.3, 0.9]) == ["Press the knob."]
    assert quotes(question, FAULTS, [0.9]) == ["| E7 | boil it again |"]
    assert quotes(question, f"Press the knob.\n\n{OPTIONS}", [0.3, 0.9]) == ["| --again | boil it again |"]


def test_a_row_of_something_else_is_not_quoted_beside_the_one_that_is_asked_of() -> None:
    assert quotes("What is the price of Plus?", PLANS, [0.9, 0.88]) == ["| Plus | 4 |"]
    assert quotes("What is the price of Premium?", PLANS, [0.88, 0.9]) == ["| Premium | 9 |"]
    assert len(quotes("What are the prices of Plus and Premium?", PLANS, [0.9, 0.88])) == 2
    assert len(quotes("Which plans are there?", PLANS, [0.9, 0.88])) == 2
