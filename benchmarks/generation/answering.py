"""Shares of answers that are right, and of those that are shown."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tieback_client import Answer, AnswerStyle, Client, Grounding, QuestionFit, SamplingParameters
from tieback_client.evaluation import is_right

from benchmarks.report import Report

TOKENS = 48
MOST_WRONG_TICKED = MOST_RIGHT_WITHDRAWN = 0.05
"""The aims are those of issue 13."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its passage, whether that answers it, and what an answer has to have.

    With a `collection` it is asked of that, and there is no passage.
    """

    question: str
    passage: str
    answerable: bool
    answers: Sequence[str]
    collection: str = ""


def answering(
    report: Report,
    client: Client,
    sets: Mapping[str, Sequence[Asked]],
    style: AnswerStyle,
    *,
    is_plain: bool = False,
    title: str = "",
) -> None:
    """A row for each set: shares of its questions. Plain generation is neither judged nor checked."""
    rows: list[dict[str, Any]] = []
    title = title or ("plain generation" if is_plain else f"answers, {style.value}")
    for name, asked in sets.items():
        begin = time.monotonic()
        outcomes = [outcome(client, one, style, is_plain=is_plain) for one in asked]
        seconds = time.monotonic() - begin
        shares = {kind: outcomes.count(kind) / max(len(outcomes), 1) for kind in OUTCOMES}
        rows.append({"set": name, "questions": len(asked), **shares, "s a question": seconds / len(asked)})
        if not is_plain and not title.startswith("quoted"):
            claimed(report, shares, style, name)
    if rows:
        means = {kind: float(np.mean([row[kind] for row in rows])) for kind in (*OUTCOMES, "s a question")}
        rows.append({"set": "mean", "questions": sum(row["questions"] for row in rows), **means})
    report.table(title, rows)


def claimed(report: Report, shares: Mapping[str, float], style: AnswerStyle, name: str) -> None:
    """Holds the shares against what was aimed at."""
    for kind, most in (
        ("wrong and ticked", MOST_WRONG_TICKED),
        ("right and withdrawn", MOST_RIGHT_WITHDRAWN),
    ):
        report.claim(f"{kind}, {style.value}, {name}", shares[kind], "", f"<= {most}")


OUTCOMES = (
    "right and shown", "wrong and ticked", "wrong and not ticked", "right and withdrawn",
    "wrong and withdrawn", "abstained rightly",
)  # fmt: skip


def outcome(client: Client, one: Asked, style: AnswerStyle, *, is_plain: bool) -> str:
    """One of `OUTCOMES`."""
    return outcome_of(client, one, ask(client, one, style, is_plain=is_plain), style)


def outcome_of(client: Client, one: Asked, found: Answer, style: AnswerStyle) -> str:
    """One of `OUTCOMES`. What is withdrawn is right if the same answer without a judge is."""
    if found.abstention is None:
        if one.answerable and is_right(found.text, one.answers):
            return "right and shown"
        return "wrong and ticked" if is_ticked(found) else "wrong and not ticked"
    if not one.answerable:
        return "abstained rightly"
    text = found.text or ask(client, one, style, grounding=Grounding(abstain_below=0.0)).text
    return "right and withdrawn" if is_right(text, one.answers) else "wrong and withdrawn"


def ask(
    client: Client,
    one: Asked,
    style: AnswerStyle,
    *,
    is_plain: bool = False,
    grounding: Grounding | None = None,
) -> Answer:
    """The answer from the passage, or from the collection; a plain one is neither judged nor checked."""
    if is_plain:
        grounding = Grounding(abstain_below=0.0, disabled=True)
    sampling = None if style is AnswerStyle.QUOTE else SamplingParameters(max_tokens=TOKENS)
    how: dict[str, Any] = {"style": style, "sampling": sampling, "grounding": grounding}
    if one.collection:
        return client.answer(one.collection, one.question, **how).collect()
    return client.generate(one.question, [one.passage], **how).collect()


def is_ticked(found: Answer) -> bool:
    """Tell whether every claim that was checked is supported, and one can be an answer to the question."""
    fits = [verdict.answers_question for verdict in found.verdicts.values()]
    return found.supported and QuestionFit.ANSWERS in fits


def words_of(text: str) -> str:
    """A text in lower case without marks: words and numbers, one space between."""
    return " ".join(_WORD.findall(text.lower()))
