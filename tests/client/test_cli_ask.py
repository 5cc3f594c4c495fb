"""Answers on the command line, as a person, a pipe and a program see them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from support.command_line import Run, documents
from support.each import each
from tieback_client import (
    Answer,
    AnswerStyle,
    Citation,
    Claim,
    Finish,
    FinishReason,
    Hit,
    Modality,
    QuestionFit,
    RetrievalPlan,
    RetrievalResult,
    RetrievedHit,
    RoutingExplanation,
    Timing,
    Twin,
    Verdict,
    VerdictLabel,
)
from tieback_client.cli.query.ask import ending, without_strategy
from tieback_client.cli.query.showing import answered, listed
from tieback_client.shown import LEVELS, Level
from tieback_contract.query import NO_OPTIONS

from benchmarks.left_out import LEAST_ROWS
from benchmarks.quotes.served import LEVELS as MEASURED

RESULTS = Path(__file__).parents[2] / "benchmarks/results"
QUOTED = Finish(FinishReason.END, "", 0, 0, None, Timing(), 0.1, AnswerStyle.QUOTE)
SURE = QuestionFit.ANSWERS
PLAN = RetrievalPlan(NO_OPTIONS)


def test_an_answer_that_breaks_off_is_shown_and_said_to_be_incomplete(run: Run) -> None:
    result = run("ask", "breaks")

    assert "The moon moves it. ✓[1]" in result.output
    assert "broke off here; it is not complete" in result.output
    assert "Sources" not in result.output
    assert result.exit_code == 1


def test_a_question_needs_words(run: Run, tmp_path: Path) -> None:
    photo = tmp_path / "cup.png"
    photo.write_bytes(b"")

    result = run("ask", "--image", str(photo))

    assert "Give a question in words" in result.output
    assert result.exit_code == 2


def test_an_answer_has_footnotes_with_verdicts_and_a_list_of_sources(run: Run) -> None:
    result = run("ask", "What", "moves", "the", "sea?")

    assert "The moon moves it. ✓[1]" in result.output
    assert "Sources" in result.output
    assert "[1] Tides" in result.output
    assert "»The moon pulls the sea towards it" in result.output
    assert "✓ a passage supports it; read the passage before you rely on it" in result.output
    assert "5 tokens by writer" in result.output


def test_a_quote_has_footnotes_and_no_mark_that_would_be_taken_for_a_right_answer() -> None:
    first, second = "| PORT |  | The port\nthat is public. |", "Is it\nso? Yes."
    text = f"{first} {second}"
    size = len(first)
    answer = Answer(
        text,
        [Claim(1, (0, size), first), Claim(2, (size + 1, len(text)), second)],
        [Citation(1, "3", "item", "section", (0, size), 1.0)],
        {number: Verdict(number, VerdictLabel.SUPPORTED, 1.0, "verbatim", None, SURE) for number in (1, 2)},
        finish=QUOTED,
    )

    assert answer.shown.answer == "“PORT · The port that is public.” [3] “Is it so? Yes.”"
    assert answer.shown.legend == []


@each(
    "before, quote, shown",
    [
        (
            "Cache › Sizes:\nName | Default\n",
            "| size | 5 MB |",
            "Cache › Sizes: “Name: size · Default: 5 MB”",
        ),
        ("", '| <code class="x">--size</code> | in MB<br>or GB |', "“--size · in MB or GB”"),
        ("", "The <b>lid</b> of <size>", "“The lid of <size>”"),
        ("Name | Default\n", "`size` | 5 MB", "“Name: `size` · Default: 5 MB”"),
        ("", "<tr><td>a &lt; b</td><td><b>yes</b></td></tr>", "“a < b · yes”"),
        ("", '{"part": "A1", "stock": 3, "sold": true},', "“part: A1 · stock: 3 · sold: true”"),
        (
            "",
            "**Fixed** by `kettle 2 <https://k.example/2>`__: 2 ** 3, x**y**z",
            "“Fixed by kettle 2: 2 ** 3, x**y**z”",
        ),
        ("", '{"part": {"id": 1}}', '“{"part": {"id": 1}}”'),
        ("", "Boil it:\n\n.. code:: sh\n\n   kettle boil", "“Boil it: kettle boil”"),
        ("", "Boil it:\n\n```sh\nfill\nboil\n```", "“Boil it:\n    fill\n    boil”"),
        ("Version 2 (2024): ", "- [Fixed](https://a.b/c) <!-- x -->it", "Version 2 (2024): “Fixed it”"),
    ],
)
def test_a_quote_is_shown_after_what_it_stands_under(before: str, quote: str, shown: str) -> None:
    size = len(before.encode())
    claim = Claim(1, (size, size + len(quote)), quote)
    verdict = Verdict(1, VerdictLabel.SUPPORTED, 1.0, "verbatim", None, SURE)
    citations = [Citation(1, "1", "item", "section", (0, 1), 1.0)]
    answer = Answer(before + quote, [claim], citations, {1: verdict}, finish=QUOTED)

    assert answer.shown.answer.removesuffix(" [1]") == shown


def test_a_row_of_html_and_lines_of_code_are_shown_as_they_are_read() -> None:
    row, code = "<tr><td>E7</td><td>too <b>hot</b></td></tr>", "kettle fill\nkettle boil"
    texts = f"<table>{row}</table>", f"To boil it, so:\n\n```sh\n# first\n\n{code}\n```\n"
    hits = [
        RetrievedHit(Hit("kettles", "Kettles", "1", "", Modality.TEXT, text, "", {}, 1.0), 1.0, 1)
        for text in texts
    ]
    claims = [Claim(1, (0, len(row)), row), Claim(2, (len(row) + 1, len(row) + 1 + len(code)), code)]
    spans = [
        (texts[at].index(part), texts[at].index(part) + len(part)) for at, part in enumerate((row, code))
    ]
    citations = [Citation(at, str(at), "i", "s", span, 1.0) for at, span in enumerate(spans, 1)]
    verdicts = {at: Verdict(at, VerdictLabel.SUPPORTED, 1.0, "verbatim", None, SURE) for at in (1, 2)}
    answer = Answer(
        *(f"{row} {code}", claims, citations, verdicts),
        retrieval=RetrievalResult(hits, RoutingExplanation(), [], Timing(), PLAN),
        finish=QUOTED,
    )

    assert "“E7 · too hot”" in answer.shown.answer
    assert "“\n    kettle fill\n    kettle boil\n”" in answer.shown.answer
    assert [one.text for one in answer.shown.passages[0].runs if one.is_marked] == ["E7 · too hot"]


def test_a_quote_is_the_answer_only_where_the_judge_is_certain() -> None:
    text = "Bridges cost. The toll is 2. It was raised."
    hits = [RetrievedHit(Hit("tolls", "Tolls", "1", "", Modality.TEXT, text, "tolls.md", {}, 1.0), 1.0, 1)]
    found = RetrievalResult(hits, RoutingExplanation(), [], Timing(), PLAN)

    def shown(fit: QuestionFit | None) -> str:
        verdict = Verdict(1, VerdictLabel.SUPPORTED, 1.0, "verbatim", None, fit)
        claim, citation = Claim(1, (0, 14), text[14:28]), Citation(1, "1", "tolls", "1", (14, 28), 1.0)
        answer = Answer(text[14:28], [claim], [citation], {1: verdict}, retrieval=found, finish=QUOTED)
        lines = (answered(answer.shown), *listed(answer.shown, {}, width=80))
        return " ".join(" ".join(one.plain for one in lines).split())

    passage = "[1] Tolls text § 1 Bridges cost. »The toll is 2.« It was raised. tolls.md"
    assert shown(SURE) == f"“The toll is 2.” [1] {LEVELS[Level.QUOTE].note} Sources {passage}"
    assert shown(QuestionFit.LIKELY) == f"{LEVELS[Level.PASSAGE].heading} {passage}"
    for fit in (QuestionFit.UNSURE, QuestionFit.ECHO, QuestionFit.OTHER_KIND, None):
        unmarked = passage.replace("»", "").replace("«", "")
        assert shown(fit) == f"{LEVELS[Level.PASSAGES].heading} {unmarked}"


def test_passages_in_which_nothing_surely_answers_are_listed_as_they_were_found_and_not_called_quoted() -> (
    None
):
    hits = [
        RetrievedHit(Hit(name, name, "1", "", Modality.TEXT, f"The {name}.", "", {}, 1.0), 1.0, place)
        for place, name in enumerate(("first", "second", "third", "fourth"), 1)
    ]
    text = "The third. The second."
    claims = [Claim(1, (0, 10), text[:10]), Claim(2, (11, 22), text[11:])]
    citations = [Citation(1, "3", "third", "1", (0, 10), 1.0), Citation(2, "2", "second", "1", (0, 11), 1.0)]
    found = RetrievalResult(hits, RoutingExplanation(), [], Timing(), PLAN)

    def ended(fit: QuestionFit) -> tuple[list[str], str]:
        verdicts = {one: Verdict(one, VerdictLabel.SUPPORTED, 1.0, "verbatim", None, fit) for one in (1, 2)}
        answer = Answer(text, claims, citations, verdicts, retrieval=found, finish=QUOTED)
        (line,) = ending(answer)
        return [one.id for one in answer.shown.passages], line.plain.strip()

    assert ended(QuestionFit.UNSURE) == (["1", "2", "3"], "nothing quoted · 0.0 ms in all")
    assert ended(QuestionFit.LIKELY) == (["3", "2"], "quoted · first after 100 ms · 0.0 ms in all")


def test_all_that_is_told_is_one_text_that_no_terminal_obeys() -> None:
    text = "The \x1b]0;x\x07toll is 2."
    hits = [RetrievedHit(Hit("tolls", "Tolls", "1", "", Modality.TEXT, text, "", {}, 1.0), 1.0, 1)]
    verdict = Verdict(1, VerdictLabel.SUPPORTED, 1.0, "verbatim", None, QuestionFit.LIKELY)
    answer = Answer(
        *(text, [Claim(1, (0, len(text)), text)], [Citation(1, "1", "tolls", "1", (0, len(text)), 1.0)]),
        {1: verdict},
        retrieval=RetrievalResult(hits, RoutingExplanation(), [], Timing(), PLAN),
        finish=QUOTED,
    )

    assert str(answer.shown) == f"{LEVELS[Level.PASSAGE].heading}\n\n[1] Tolls\n    »The ]0;xtoll is 2.«"


def test_no_level_promises_what_was_not_measured_on_unseen_questions() -> None:
    for one in LEVELS.values():
        words = f"{one.heading} {one.note}"
        assert "Read" in words
        assert not re.search(r"likely|certain|right|\d|of ten|half", words)


def test_a_level_is_called_probable_only_where_most_of_its_quotes_are_right_in_every_domain() -> None:
    found = json.loads((RESULTS / "left-out-quotes.json").read_text(encoding="utf-8"))
    rows = found["tables"]["right of what is shown, by level as served"]
    for level, name in MEASURED.items():
        worst = min(one["low"] for one in rows if one["level"] == name and one["shown"] >= LEAST_ROWS)

        is_probable = "probabl" in f"{LEVELS[level].heading} {LEVELS[level].note}".lower()
        assert not is_probable or worst > 0.5, (level, worst)


def test_an_abstention_is_shown_without_a_measure_and_says_what_to_do(run: Run) -> None:
    result = run("ask", "unanswerable")

    assert "No answer. Nothing that was found bears on the question" in result.output
    assert "Read the nearest passages, or ask in other words." in result.output
    assert "0.30" not in result.output
    assert "Nearest passages" in result.output


def test_a_chat_goes_on_with_what_was_said_until_an_empty_line(run: Run, served: Any) -> None:
    result = run(
        "ask", "Why?", "--chat", "--system", "Be brief.", input="unanswerable\nAnd then?\n\nno more\n"
    )

    assert result.exit_code == 0
    assert result.output.count("No answer.") == 1
    first, second, third = served.log.conversations
    assert first == ("Be brief.", [])
    assert (second[1][0], len(second[1])) == ("Why?", 2)
    assert third[1][:3:2] == ["Why?", "unanswerable"]
    assert len(third[1]) == 4


def test_a_strategy_is_asked_for_with_its_parameters(run: Run, served: Any) -> None:
    run("ask", "Why?", "--strategy", "dola", "--set", "layers=[20, 25]", "--set", "bucket=low")

    [sampling] = served.log.samplings
    assert sampling.strategy.name == "dola"
    assert dict(sampling.strategy.parameters.items())["bucket"] == "low"
    assert list(sampling.strategy.parameters["layers"]) == [20, 25]


def test_what_plain_decoding_writes_is_shown_beside_a_strategys_answer(run: Run, served: Any) -> None:
    finish = Finish(
        *(FinishReason.END, "m", 10, 5, 1, Timing(), 0.1, AnswerStyle.WRITE), evidence_transforms=["shuffle"]
    )

    def shown(twin: str) -> str:
        end = replace(finish, twin=Twin(twin, FinishReason.END, 2))
        answer = Answer("By the moon.", finish=end)
        return "\n".join(one.plain.strip() for one in (*without_strategy(answer), *ending(answer)))

    assert shown("By boat.").startswith("Without the strategy, not checked: By boat.")
    assert shown("By the moon.").startswith("Without the strategy, not checked: the same")
    assert "1 changed by the strategy · second view of the evidence: shuffle" in shown("")
    assert without_strategy(Answer("By the moon.", finish=finish)) == []
    run("ask", "Why?", "--strategy", "ritual", "--twin")
    [sampling] = served.log.samplings
    assert sampling.twin


def test_an_answer_is_one_json_object_per_event(run: Run) -> None:
    events = [one["event"] for one in documents(run("ask", "Why?", "--json"))]

    assert events == [
        "retrieval",
        "text",
        "text",
        "claim",
        "citation",
        "verdict",
        "finish",
        "checked",
        "shown",
    ]
