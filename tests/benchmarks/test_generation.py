"""The benchmark of answers asks every question in each style, and counts what is right and what is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tieback_client import Abstention, AbstentionReason, Answer, QuestionFit, Verdict, VerdictLabel
from tieback_client.evaluation import is_right

from benchmarks.data_folder import evenly
from benchmarks.generation import measured, read, structured_answers
from benchmarks.generation.answering import OUTCOMES, Asked, is_ticked
from benchmarks.generation.injecting import first_sentence
from benchmarks.generation.library import PAGES, Question, questions
from benchmarks.report import Report
from benchmarks.rules.conflicts import pairs

pytestmark = pytest.mark.all

TIDES = "The moon pulls the water of the sea. The tide rises twice a day. Boats wait in the harbour."
LONG = ["the tide rises twice a day, and boats wait for it"]
BRIDGE = "The old bridge was built in 1884 by Maria Weber. It is 240 metres long."


def test_questions_of_a_set_are_taken_evenly_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "dev.jsonl"
    rows = [
        {"question": str(n), "passage": "p", "answerable": False, "answers": [], "source": "a"}
        for n in range(10)
    ]
    path.write_text("".join(f"{json.dumps(one)}\n" for one in rows))

    assert [one.question for one in read(path, 5)["a"]] == ["0", "2", "4", "6", "8"]
    assert len(evenly(read(path, 10)["a"], 20)) == 10


@pytest.mark.parametrize(
    ("text", "answers", "right"),
    [
        ("It was built in 1884.", ["1884"], True),
        ("It was built in 18845.", ["1884"], False),
        ("Maria  Weber, the engineer.", ["someone", "Maria Weber"], True),
        (
            "the tide of the sea rises twice a day",
            LONG,
            True,
        ),
        ("boats", LONG, False),
        ("anything", [], False),
        ("anything", ["–"], False),
    ],
)
def test_a_text_is_right_that_has_an_answer(text: str, answers: list[str], right: bool) -> None:
    assert is_right(text, answers) is right


def test_an_answer_is_ticked_whose_claims_are_supported_and_can_be_answers() -> None:
    def answer(label: VerdictLabel, fit: QuestionFit) -> Answer:
        return Answer("a", [], [], {1: Verdict(1, label, 1.0, "verbatim", None, fit)})

    assert is_ticked(answer(VerdictLabel.SUPPORTED, QuestionFit.ANSWERS))
    assert not is_ticked(answer(VerdictLabel.SUPPORTED, QuestionFit.ECHO))
    assert not is_ticked(answer(VerdictLabel.UNSUPPORTED, QuestionFit.ANSWERS))
    assert Abstention(AbstentionReason.NO_ANSWER, 0.0, 1.0, "").reason == "no_answer"


@pytest.mark.parametrize("one", questions(), ids=lambda one: str(one.id))
def test_the_page_of_a_question_to_the_documentation_has_the_sentence_that_answers(one: Question) -> None:
    page = (PAGES.parent / one.page).read_text(encoding="utf-8")

    assert one.sentence in page
    assert one.asked.answerable == bool(one.sentence)
    assert is_right(one.sentence, one.asked.answers) == one.asked.answerable


def test_there_are_sixty_questions_to_the_documentation_some_without_an_answer() -> None:
    asked = questions()

    assert len({one.asked.question for one in asked}) == len({one.id for one in asked}) == len(asked) == 60
    assert sum(one.asked.answerable for one in asked) == 45


def test_half_of_the_pairs_of_sentences_disagree_and_no_topic_is_in_two_splits() -> None:
    made = pairs()

    splits = ("dev", "held out", "held out, second", "held out, third")
    topics = [{one["topic"] for one in made if one["split"] == split} for split in splits]
    assert len({one["id"] for one in made}) == len(made) == 270
    assert 0.45 < sum(one["conflict"] for one in made) / len(made) < 0.55
    assert all(topics)
    assert sum(map(len, topics)) == len(set.union(*topics))


def test_questions_to_manuals_have_answers_in_code_lists_and_tables() -> None:
    asked = structured_answers.questions()

    assert len({one.id for one in asked}) == len(asked) == 65
    assert {one.kind for one in asked} == {"code", "list", "table", "nothing"}
    assert all(one.asked.answerable == (one.kind != "nothing") for one in asked)


def test_a_claim_is_the_first_sentence_of_a_passage() -> None:
    assert first_sentence(BRIDGE) == "The old bridge was built in 1884 by Maria Weber."


def test_questions_are_asked_of_a_server_in_each_style() -> None:
    asked = [
        Asked("When was the old bridge built?", BRIDGE, True, ["1884"]),
        Asked("What is the interest rate of the central bank of Peru?", TIDES, False, []),
    ]

    report = Report()
    measured(report, {"two": asked}, write=1, injections=1, conflicts=1)

    [row, mean] = report.tables["answers, quote"]
    assert (row["right and shown"], row["abstained rightly"]) == (0.5, 0.5)
    assert sum(mean[kind] for kind in OUTCOMES) == pytest.approx(1)
    assert report.tables["plain generation"][0]["questions"] == 1
    named = {row["differs"]: row["named"] for row in report.tables["passages that disagree, by what differs"]}
    assert named == {"date": 1, "negation": 1, "nothing": 0}  # no other passage has a name to put in
    injected = [one for one in report.claims if one.name.startswith("injected")]
    assert [one.name.split()[-1] for one in injected] == ["verdicts", "citations", "quotes"]
    assert all(one.value is not None for one in injected)
