"""`tieback eval`: questions with expected answers, asked of a collection, and what the answers are worth."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from typing import Any

import click
from rich.progress import TimeRemainingColumn
from rich.text import Text
from tieback.reports.parts import PublishedClaim, cards, page, section, table
from tieback_contract.answers import AnswerStyle

from tieback_client.cli.connection import DEFAULT_COLLECTION, command
from tieback_client.cli.output import Output
from tieback_client.cli.parameters import FILE, TARGET, argument, option
from tieback_client.client import Client
from tieback_client.control_characters import in_a_line
from tieback_client.evaluation import (
    Expected,
    Judged,
    Measure,
    Outcome,
    judged,
    levels,
    measures,
    read_questions,
)
from tieback_client.evaluation.measures import NAMES

SHOWN = 5
"""Wrong answers that a person is shown, to begin with."""
LONGEST = 200  # characters of an answer
BELOW = 3
"""The exit code where a bound does not hold; 1 is an error, 2 a wrong option."""


@command(
    "eval",
    epilog=f"""\b
Examples:
  tieback eval questions.jsonl
  tieback eval questions.jsonl --collection handbook --report answers.html
  tieback eval questions.jsonl --min first=0.9 --max wrong=0.1 --json > found.json

\b
A line of the file is an object:
  {{"question": "Who approves a rotation?", "answers": ["the duty officer"], "files": ["keys.md"]}}
  {{"question": "When was it last rotated?", "pattern": "20\\\\d\\\\d-\\\\d\\\\d"}}
  {{"question": "What does it cost?"}}        an open question: nothing in the collection answers it
An id names it in reports, and "history" has what was said before it (docs/answers.md).

\b
Measures for --min and --max, shares of all questions; ranks are of those with files:
{chr(10).join(f"  {name:<18} {said}" for name, said in NAMES.items())}
The exit code is {BELOW} where a bound does not hold.
""",
)
def evaluate(
    client: Client,
    output: Output,
    questions: Path = argument(type=FILE),
    collection: str = option(
        f"The collection. [{DEFAULT_COLLECTION}]", "NAME", flags="-c --collection", default=DEFAULT_COLLECTION
    ),
    style: AnswerStyle = option(
        "Quote, or let the model write. [the better one for the model]", default=AnswerStyle.AUTO
    ),
    model: str = option("The model that writes.", "NAME"),
    limit: int | None = option("How many sections are found. [the server's]", "N", least=1),
    most: int | None = option("Ask N questions, evenly taken. [all]", "N", least=1),
    parallel: int = option("Ask N at a time. [2]", "N", least=1, most=64, default=2),
    report: Path | None = option("Write an HTML page.", "FILE", type=TARGET),
    least: tuple[str, ...] = option(
        "Fail if a measure is below X; may be repeated.", "NAME=X", flags="--min"
    ),
    most_of: tuple[str, ...] = option(
        "Fail if a measure is above X; may be repeated.", "NAME=X", flags="--max"
    ),
) -> None:
    """Measure search and answers by questions with known answers."""
    bounds = [(one, -1.0) for one in map(_bound, least)] + [(one, 1.0) for one in map(_bound, most_of)]
    asked = _evenly(read_questions(questions), most)
    how: dict[str, Any] = {"style": style, "model": model}
    if limit is not None:
        how["limit"] = limit
    found = list(_asked(client, output, collection, asked, how, parallel))
    shares, shown = measures(found), levels(found)
    if report is not None:
        report.write_text(evaluation_page(collection, found), encoding="utf-8")
        output.note(f"The report is in {report}.")
    broken = [
        (name, bound, one.value)
        for (name, bound), sign in bounds
        for one in shares
        if one.name == name and one.value is not None and sign * (one.value - bound) > 0
    ]
    if output.json:
        output.document(_document(collection, found, shares, shown, [name for name, *_ in broken]))
    else:
        for line in _said(found, shares, shown):
            output.line(line)
    for name, bound, value in broken:
        output.note(f"{name} is {value:.3f}, and {bound:g} was asked for.", style="bold red")
    if broken:
        raise SystemExit(BELOW)


def _bound(said: str) -> tuple[str, float]:
    name, _, value = said.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if name not in NAMES or not 0 <= number <= 1:
        raise click.UsageError(
            f"{said!r} is no bound: give NAME=X, X from 0 to 1, and as NAME one of {', '.join(NAMES)}."
        )
    return name, number


def _evenly(asked: Sequence[Expected], most: int | None) -> Sequence[Expected]:
    if most is None or most >= len(asked):
        return asked
    return [asked[place * len(asked) // most] for place in range(most)]


def _asked(
    client: Client,
    output: Output,
    collection: str,
    asked: Sequence[Expected],
    how: dict[str, Any],
    parallel: int,
) -> Iterator[Judged]:
    """The judged answers in the order of the questions, while a bar shows how far it is."""

    def ask(one: Expected) -> Judged:
        began = time.monotonic()
        answer = client.answer(collection, one.question, history=one.history, **how).collect()
        return judged(one, answer, time.monotonic() - began)

    bar = output.progress(TimeRemainingColumn(compact=True))
    with bar, ThreadPoolExecutor(parallel) as threads:
        task = bar.add_task("", total=len(asked))
        running = [threads.submit(ask, one) for one in asked]
        try:
            for one in running:
                yield one.result()
                bar.advance(task)
        finally:  # after an error, or Ctrl-C, no further question is asked
            threads.shutdown(wait=False, cancel_futures=True)


def _said(found: Sequence[Judged], shares: Sequence[Measure], shown: Sequence[Measure]) -> Iterator[Text]:
    opened = sum(one.expected.is_open for one in found)
    seconds = sum(one.seconds for one in found) / len(found)
    yield Text(f"{len(found)} questions, {opened} of them open; {seconds:.2f} s each\n", style="dim")
    yield from _rows(shares)
    yield Text("\nOf what is shown with each level, so much is right:", style="dim")
    yield from _rows(shown)
    wrong = [one for one in found if one.outcome in (Outcome.WRONG, Outcome.OTHER_FILE)]
    if len(wrong) > SHOWN:
        yield Text(f"\nThe first {SHOWN} of {len(wrong)} wrong ones; --report FILE has all:", style="dim")
    for judged_one in wrong[:SHOWN]:
        text = in_a_line(judged_one.text)
        yield Text.assemble(
            ("\n" + in_a_line(judged_one.expected.question), "bold"),
            f"\n  {text[:LONGEST]}{'…' if len(text) > LONGEST else ''}",
            (f"\n  {judged_one.outcome}, as {judged_one.level}; ", "dim"),
            (f"expected: {_expectation(judged_one.expected)}", "dim"),
        )


def _rows(shares: Sequence[Measure]) -> Iterator[Text]:
    for one in shares:
        if one.value is not None and one.interval is not None:
            low, high = one.interval
            yield Text.assemble(
                (f"{one.name:<18} ", "bold"),
                f"{one.value:5.3f}  ",
                (f"{one.count:>5} of {one.of:<5} [{low:.2f}, {high:.2f}]  ", "dim"),
                NAMES.get(one.name, ""),
            )


def _expectation(expected: Expected) -> str:
    if expected.is_open:
        return "no answer"
    parts = [f"“{expected.answers[0]}”"] if expected.answers else []
    parts += [f"/{expected.pattern.pattern}/"] if expected.pattern else []
    parts += [f"in {expected.files[0]}"] if expected.files else []
    return in_a_line(" ".join(parts))


def _document(
    collection: str,
    found: Sequence[Judged],
    shares: Sequence[Measure],
    shown: Sequence[Measure],
    broken: list[str],
) -> dict[str, Any]:
    return {
        "collection": collection,
        "questions": len(found),
        "outcomes": dict(Counter(one.outcome.value for one in found)),
        "measures": {one.name: _record(one) for one in shares},
        "levels": {one.name: _record(one) for one in shown},
        "broken": broken,
        "answers": [
            {
                "id": one.expected.id,
                "question": one.expected.question,
                "outcome": one.outcome,
                "level": one.level,
                "rank": one.rank,
                "text": one.text,
                "cited": one.cited,
                "seconds": round(one.seconds, 4),
            }
            for one in found
        ],
    }


def _record(one: Measure) -> dict[str, Any]:
    return {"value": one.value, "count": one.count, "of": one.of, "interval": one.interval}


ORDER = (Outcome.WRONG, Outcome.OTHER_FILE, Outcome.WITHHELD, Outcome.RIGHT, Outcome.ABSTAINED)


def evaluation_page(collection: str, found: Sequence[Judged]) -> str:
    """The page as HTML, which loads nothing and runs nothing."""
    opened = sum(one.expected.is_open for one in found)
    heading = f"What answers from {collection} are worth"
    return page(
        heading,
        heading,
        f"{len(found)} questions, {opened} of them open: nothing in the collection answers those.",
        [
            cards(
                "Measures",
                "Shares of questions, with 95 % intervals.",
                [_card(one) for one in measures(found)],
            ),
            cards(
                "Levels",
                "Of what is shown with each level, so much is right.",
                [_card(one) for one in levels(found)],
            ),
            *(_questions(outcome, [one for one in found if one.outcome is outcome]) for outcome in ORDER),
        ],
    )


def _card(one: Measure) -> PublishedClaim:
    if one.value is None or one.interval is None:
        return PublishedClaim(one.name, "–", "", None, f"{one.said}; there is no such question")
    low, high = one.interval
    return PublishedClaim(
        one.name, f"{one.value:.2f}", "", None, f"{one.said}: {one.count} of {one.of} [{low:.2f}, {high:.2f}]"
    )


def _questions(outcome: Outcome, found: Sequence[Judged]) -> str:
    header = ("question", "answer", "level", "cited", "expected", "rank of the file")
    rows = [
        [
            escape(one.expected.question),
            escape(one.text),
            escape(one.level),
            escape(", ".join(one.cited)),
            escape(" | ".join((*one.expected.answers, *one.expected.files)) or "no answer"),
            "–" if one.rank is None else str(one.rank),
        ]
        for one in found
    ]
    title = f"{outcome.value.capitalize()}: {len(found)}"
    return section(title, "", table(header, rows, [5], stack=True) if rows else "")
