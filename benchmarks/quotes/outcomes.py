"""A question asked through the SDK: its quote as it is served, its score, and the quote of that score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tieback_client import Answer, AnswerStyle, Client, Grounding
from tieback_client.shown import Level
from tieback_client.shown.marks import level_of

from benchmarks.quotes.asked import Asked, Span

ALL, NONE = 0.0, 1.0
"""Scores below which is abstained: `ALL` lets every quote through, and `NONE` gives the score of each."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A question with what was served.

    `level` is None where the server abstained. `score` is that of the judge, and `is_right` tells of the
    quote that there is at any score; it is None where the data do not say. `has_answer` tells the same by the
    words of the answers alone.
    """

    answerable: bool
    opened: str
    level: Level | None
    is_right: bool | None
    score: float
    has_answer: bool = False
    reason: str = ""


def outcome(client: Client, one: Asked) -> Outcome:
    """Ask once as served, once for the score, and where it is abstained once for the quote."""
    served = _ask(client, one, None)
    unsure = _ask(client, one, NONE).abstention
    score = NONE if unsure is None else unsure.score
    quote = served if served.abstention is None else _ask(client, one, ALL)
    text, places = _shown(quote)
    is_right = one.is_right(text, places) if one.tells_quotes else None
    has_answer = one.answerable and one.is_right(text, [])
    level = served.shown.level if served.abstention is None else None
    reason = "" if served.abstention is None else served.abstention.reason.value
    return Outcome(one.answerable, one.opened, level, is_right, score, has_answer, reason)


def _ask(client: Client, one: Asked, below: float | None) -> Answer:
    grounding = None if below is None else Grounding(abstain_below=below)
    asked = client.generate(one.question, [one.passage], style=AnswerStyle.QUOTE, grounding=grounding)
    return asked.collect()


def _shown(answer: Answer) -> tuple[str, Sequence[Span]]:
    """The words that are quoted, and their places: of several quotes those of the surest level."""
    told = answer.shown
    parts = [part.text if part.claim is None else part.claim.text for part in told.parts]
    fits = {number: one.answers_question for number, one in answer.verdicts.items()}
    of_level = {one.id for one in answer.claims if level_of([fits.get(one.id)]) is told.level}
    places = [one.span for one in answer.citations if one.claim_id in of_level and one.span is not None]
    return "".join(parts).strip() or answer.text, places
