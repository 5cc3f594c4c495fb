"""The levels of quotes, and what is told at each: the one place that has these words.

They promise no more than what every domain had of questions that nothing was chosen by (docs/answers.md,
`scripts/bench quotes`). A level may be called probable if in each domain most of its quotes are right.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tieback_contract.claims import QuestionFit


class Level(enum.StrEnum):
    """Level of a quote, by how sure the judge is that it answers the question. The surest first."""

    QUOTE = "quote"
    """As the answer."""
    PASSAGE = "passage"
    """Not as the answer: its passage is shown, in which it is marked."""
    PASSAGES = "passages"
    """No sentence surely answers: the nearest passages are shown, and nothing in them is marked."""


@dataclass(frozen=True, slots=True)
class LevelWords:
    """Words that are told at a level."""

    heading: str
    """Before the passages, in place of an answer."""
    note: str
    """Advice on what to do with the answer."""


LEVELS: Mapping[Level, LevelWords] = {
    Level.QUOTE: LevelWords("", "Quoted word for word. Read it in its passage before you rely on it."),
    Level.PASSAGE: LevelWords("The answer may be in here. Read the passage.", ""),
    Level.PASSAGES: LevelWords(
        "No sentence surely answers this. Read these passages, which are nearest, or ask in other words.", ""
    ),
}
OTHER_LANGUAGE = (
    "Question or text are not in English, from which the levels were learned: they are less sure here. "
    "Read the passage."
)
"""Beside the level of quotes in another language."""
_OF_FIT = {QuestionFit.ANSWERS: Level.QUOTE, QuestionFit.LIKELY: Level.PASSAGE}


def level_of(fits: Iterable[QuestionFit | None]) -> Level:
    """The surest level of some quotes. What nobody judged is not taken for an answer."""
    found = {_OF_FIT.get(fit, Level.PASSAGES) if fit is not None else Level.PASSAGES for fit in fits}
    return next((level for level in Level if level in found), Level.PASSAGES)
