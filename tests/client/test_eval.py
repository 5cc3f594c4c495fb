"""`tieback eval`: a file of questions, what is expected of answers, measures, bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.command_line import Run
from tieback_client import Answer, AnswerStyle, InvalidArgument
from tieback_client.evaluation import Expected, Outcome, is_right, judged, levels, measures, read_questions
from tieback_contract.answers import Finish, FinishReason
from tieback_contract.claims import Claim, QuestionFit, Verdict, VerdictLabel
from tieback_contract.reports import Timing

ROWS: list[dict[str, Any]] = [
    {"id": "right", "question": "what moves it?", "answers": ["the moon"], "files": ["tides"]},
    {"id": "pattern", "question": "who?", "pattern": "the M[o]{2}n"},
    {"id": "wrong", "question": "why?", "answer": "the sun"},
    {"id": "elsewhere", "question": "and?", "answers": ["the moon"], "documents": ["other.md"]},
    {"id": "withheld", "question": "unanswerable", "answers": ["the moon"], "file": "tides.md"},
    {"id": "open", "question": "unanswerable", "answerable": False},
    {"id": "open and shown", "question": "how much?"},
]
OUTCOMES = {
    "right": Outcome.RIGHT,
    "pattern": Outcome.RIGHT,
    "wrong": Outcome.WRONG,
    "elsewhere": Outcome.OTHER_FILE,
    "withheld": Outcome.WITHHELD,
    "open": Outcome.ABSTAINED,
    "open and shown": Outcome.WRONG,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)) + "\n", encoding="utf-8")
    return path


def test_each_answer_is_held_against_what_was_expected(run: Run, file: Path) -> None:
    result = run("eval", str(file), "--json")

    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert {one["id"]: one["outcome"] for one in found["answers"]} == {
        name: outcome.value for name, outcome in OUTCOMES.items()
    }
    counts = {name: (one["count"], one["of"]) for name, one in found["measures"].items()}
    assert counts == {
        "first": (2, 3),
        "third": (2, 3),
        "found": (2, 3),
        "right": (2, 7),
        "other_file": (1, 7),
        "wrong": (2, 7),
        "abstained": (1, 7),
        "withheld": (1, 7),
        "abstained_of_open": (1, 2),
    }
    assert (found["levels"]["supported"]["count"], found["levels"]["supported"]["of"]) == (2, 5)


def test_a_bound_that_does_not_hold_fails_the_command(run: Run, file: Path) -> None:
    assert run("eval", str(file), "--min", "first=0.5", "--max", "wrong=0.9").exit_code == 0

    for option, bound, said in (
        ("--min", "right=0.9", "right is 0.286, and 0.9 was asked for"),
        ("--max", "wrong=0.1", "wrong is 0.286, and 0.1 was asked for"),
    ):
        result = run("eval", str(file), option, bound)
        assert result.exit_code == 3
        assert said in result.stderr
    for bad in ("rihgt=0.9", "right", "right=2"):
        result = run("eval", str(file), "--min", bad)
        assert result.exit_code == 2
        assert "first, third, found, right" in " ".join(result.stderr.split())


def test_a_person_reads_measures_levels_and_what_is_wrong(run: Run, file: Path, tmp_path: Path) -> None:
    result = run("eval", str(file), "--report", str(tmp_path / "page.html"))

    said = " ".join(result.stdout.split())
    assert "7 questions, 2 of them open" in said
    assert "wrong 0.286 2 of 7 [0.08, 0.64] wrong and shown" in said
    assert "why? The moon moves it. wrong and shown, as supported; expected: “the sun”" in said
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Wrong and shown: 2" in page
    assert "<script" not in page


def test_every_third_question_is_asked_where_a_third_is_wanted(run: Run, file: Path) -> None:
    found = json.loads(run("eval", str(file), "--most", "3", "--json").stdout)

    assert [one["id"] for one in found["answers"]] == ["right", "wrong", "withheld"]


def test_a_line_that_cannot_be_read_is_named_with_its_reason(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    for line, said in (
        ("{", "is no JSON"),
        ("[]", "is no object"),
        ('{"answers": ["a"]}', 'has no "question"'),
        ('{"question": "a", "answers": [1]}', "answers has something that is no text"),
        ('{"question": "a", "pattern": "("}', "pattern is no regular expression"),
        ('{"question": "a", "answerable": false, "answers": ["b"]}', "is answerable: false, and has answers"),
        ('{"question": "a", "answerable": true}', "is answerable: true, and has no answers"),
        ('{"question": "a", "history": [{"role": "me", "text": "b"}]}', "history has something that is no"),
    ):
        path.write_text('{"question": "good"}\n' + line, encoding="utf-8")
        with pytest.raises(InvalidArgument, match="line 2") as raised:
            read_questions(path)
        assert said in str(raised.value)

    path.write_text("\n", encoding="utf-8")
    result = run("eval", str(path))
    assert result.exit_code == 1
    assert "has no questions" in result.stderr


def test_a_question_of_a_conversation_is_asked_with_its_history(
    run: Run, served: Any, tmp_path: Path
) -> None:
    path = tmp_path / "one.jsonl"
    said = [{"role": "user", "text": "Who was Ada?"}, {"role": "assistant", "text": "A countess."}]
    path.write_text(json.dumps({"question": "when was she born?", "history": said}), encoding="utf-8")

    assert run("eval", str(path)).exit_code == 0
    assert served.log.conversations == [("", ["Who was Ada?", "A countess."])]


def test_a_yes_has_to_begin_the_text_and_a_long_answer_needs_half_of_its_words() -> None:
    long = "the duty officer approves every rotation of the signing keys in writing"

    assert is_right("Yes, it does.", ["yes"])
    assert not is_right("There is no fee.", ["no"])
    assert is_right("It costs 64 GiB.", ["64"])
    assert not is_right("It costs 640 GiB.", ["64"])
    assert is_right("every rotation of keys is approved by the duty officer", [long])
    assert not is_right("keys are kept in the safe", [long])


def test_a_file_is_named_by_its_end_with_or_without_its_suffix() -> None:
    for name in ("docs/keys.md", "keys.md", "keys", "docs/keys"):
        assert Expected("?", files=(name,)).names("docs/keys.md")
    assert not Expected("?", files=("eys.md",)).names("docs/keys.md")


def test_an_answer_has_the_surest_level_of_its_quotes_and_only_what_is_shown_counts() -> None:
    finish = Finish(FinishReason.END, "", 0, 0, None, Timing(), 0.0, AnswerStyle.QUOTE)
    answer = Answer(text="Low tide. High tide.", finish=finish)
    for number, (fit, span) in enumerate(((QuestionFit.ANSWERS, (0, 9)), (QuestionFit.UNSURE, (10, 20)))):
        answer.claims.append(Claim(number, span, answer.text[slice(*span)]))
        answer.verdicts[number] = Verdict(number, VerdictLabel.SUPPORTED, 1.0, "verbatim", None, fit)

    found = [judged(Expected("?", answers=(text,)), answer) for text in ("low", "high")]

    assert [(one.level, one.outcome) for one in found] == [
        ("quote", Outcome.RIGHT),
        ("quote", Outcome.WRONG),
    ]
    assert [(one.name, one.count, one.of) for one in levels(found)] == [("quote", 1, 2)]
    assert all(one.value is None for one in measures([]))
