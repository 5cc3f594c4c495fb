"""The mark and the words of a verdict: the one place that has them, for every door."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tieback_contract.claims import NotCheckedReason, QuestionFit, Verdict, VerdictLabel


@dataclass(frozen=True, slots=True)
class Mark:
    """Mark and words of a claim that was written, or that somebody else wrote."""

    sign: str
    """One or two characters behind the claim; empty for what has no verdict yet."""
    words: str
    """The same in words, for people."""
    tone: str
    """The colour: "good", "bad", "open" or "none"."""


MARKS: Mapping[VerdictLabel, Mark] = {
    VerdictLabel.SUPPORTED: Mark(
        "✓", "a passage supports it; read the passage before you rely on it", "good"
    ),
    VerdictLabel.CONTRADICTED: Mark("✗", "a passage says otherwise", "bad"),
    VerdictLabel.UNSUPPORTED: Mark("?", "no passage supports it; read the nearest one", "open"),
    VerdictLabel.LOW_CONFIDENCE: Mark("~", "not sure enough to say; read the nearest passage", "open"),
    VerdictLabel.NOT_CHECKED: Mark("·", "not checked", "none"),
}
REASONS: Mapping[NotCheckedReason, str] = {
    NotCheckedReason.NO_PASSAGES: "there is no passage to check it by",
    NotCheckedReason.STATES_NOTHING: "it states nothing that can be checked",
    NotCheckedReason.LANGUAGE: "it, or every passage, is in a language that the checker does not read",
    NotCheckedReason.TOO_LONG: "it is longer than the checker reads; split it",
    NotCheckedReason.NO_TEXT: "no passage has a text",
    NotCheckedReason.LABELS_ALONE: "the passages only name what is seen or heard, and it says more",
}
"""Why a claim was not checked."""
NO_ANSWER = Mark("≠", "it does not answer the question", "")
"""Beside the mark of a claim that cannot be an answer, whatever its verdict."""
WAITING = Mark("", "its check is not done", "none")
NO_ANSWERS = frozenset({QuestionFit.ECHO, QuestionFit.OTHER_KIND})


def mark_of(verdict: Verdict | None) -> Mark:
    """The mark of a verdict, with its reason where it was not checked; None is not there yet."""
    if verdict is None:
        return WAITING
    mark = MARKS[verdict.label]
    reason = REASONS[verdict.reason] if verdict.reason is not None else ""
    words = f"{mark.words}: {reason}" if reason else mark.words
    if verdict.answers_question not in NO_ANSWERS:
        return Mark(mark.sign, words, mark.tone)
    return Mark(mark.sign + NO_ANSWER.sign, f"{words}; {NO_ANSWER.words}", mark.tone)


def legend(signs: Iterable[str] | None = None) -> list[str]:
    """All marks with their words, or those that the signs have."""
    used = None if signs is None else set("".join(signs))
    every = (*MARKS.values(), NO_ANSWER)
    return [f"{one.sign} {one.words}" for one in every if used is None or one.sign in used]


# The levels of quotes, and what is told at each: the one place that has these words.
#
# They promise no more than what every domain had of questions that nothing was chosen by (docs/answers.md,
# `scripts/bench quotes`). A level may be called probable if in each domain most of its quotes are right.
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
