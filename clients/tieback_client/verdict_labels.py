"""Labels that a check of a claim can give."""

from __future__ import annotations

import enum


class VerdictLabel(enum.StrEnum):
    """Finding of a check of a claim."""

    SUPPORTED = "supported"
    """A passage supports the claim."""
    CONTRADICTED = "contradicted"
    """A passage contradicts it."""
    UNSUPPORTED = "unsupported"
    """No passage supports it."""
    NOT_CHECKED = "not_checked"
    """It was not checked; `Verdict.reason` says why."""
    LOW_CONFIDENCE = "low_confidence"
    """It was checked, and no verdict on it would be right often enough."""


class NotCheckedReason(enum.StrEnum):
    """Why a claim was not checked."""

    NO_PASSAGES = "no_passages"
    """There were no passages, or checks were turned off."""
    STATES_NOTHING = "states_nothing"
    """It is a question, or has no content word and no number."""
    LANGUAGE = "language"
    """It, or all passages, are in a language that the checker does not know."""
    TOO_LONG = "too_long"
    """It is longer than the checker reads."""
    NO_TEXT = "no_text"
    """No passage has a text."""
    LABELS_ALONE = "labels_alone"
    """The passages have labels alone, and the claim says more than what is in a photo or a sound."""


class QuestionFit(enum.StrEnum):
    """Judgement of whether a claim can be an answer to the question; not whether it is true."""

    ANSWERS = "answers"
    """It has something of the kind that is asked for."""
    ECHO = "echo"
    """It says what the question says, and nothing else."""
    OTHER_KIND = "other_kind"
    """It lacks what is asked for, equates a name with a number, or denies its own yes or no."""
    UNSURE = "unsure"
    """It has something of the kind that is asked for, and the judge is not sure that its passage answers; of
    quotes."""
    LIKELY = "likely"
    """The same, where the judge is more sure: its passage is shown, in which it is marked."""
