"""Claims of a text: what a check found of each, and what it rests on."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from tieback_contract.arrays import Box, Span, TimeRange
from tieback_contract.shapes import read_as, wire


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


class ConflictKind(enum.StrEnum):
    """Kind of difference between two sentences."""

    NUMBER = "number"
    """Another number."""
    DATE = "date"
    """Another year, month or day."""
    NAME = "name"
    """Another name."""
    NEGATION = "negation"
    """One says so, the other says not."""
    STATEMENT = "statement"
    """Another thing in other words; this release tells of none."""


class Disagreement(enum.StrEnum):
    """Kind of thing in which a claim and the passages disagree."""

    NUMBER = "number"
    """The nearest sentence has another number in the same place."""
    DATE = "date"
    """It has another year, month or day."""
    NAME = "name"
    """It has another name."""
    NEGATION = "negation"
    """One says so, the other says not."""
    NOT_MENTIONED = "not_mentioned"
    """No passage has the marked words, and none says something else in their place."""
    OTHER_SOURCE = "other_source"
    """Another passage than the nearest one has the marked words."""
    STATEMENT = "statement"
    """A passage says otherwise in other words."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement within the text."""

    id: int
    """Counts from 1 within the answer."""
    span: Span
    """Its bytes in the UTF-8 of the text."""
    text: str
    """The statement."""


@dataclass(frozen=True, slots=True)
class Citation:
    """Ties a claim to a passage."""

    claim_id: int
    """The claim."""
    evidence_id: str
    """The passage."""
    item_id: str = field(metadata=wire("place.item_id"))
    """The item it is in."""
    section_id: str = field(metadata=wire("place.section_id"))
    """The section within the item."""
    span: Span | None = field(metadata=wire("place.text_span"))
    """Bytes of the passage's text, where it is text."""
    support: float
    """Support of the claim by the passage, 0 to 1."""
    region: Box | None = field(default=None, metadata=wire("place.region"))
    """The region of the picture: where the cited words are, or what was looked for."""
    time: TimeRange | None = field(default=None, metadata=wire("place.time"))
    """Time of the cited words in the sound: begin and end, in seconds."""


@dataclass(frozen=True, slots=True)
class ConflictingPlace:
    """A sentence of a passage that says something else than a claim, or than a sentence of another one."""

    evidence_id: str
    """The passage."""
    item_id: str = field(metadata=wire("place.item_id"))
    """The item it is in."""
    section_id: str = field(metadata=wire("place.section_id"))
    """The section within the item."""
    span: Span = field(metadata=wire("place.text_span"))
    """The sentence, as bytes of the passage's text."""
    differs: Span | None
    """Words that it says differently or, of `OTHER_SOURCE`, has of the claim, as bytes of the passage's text;
    None where it lacks a negation."""
    text: str
    """The sentence."""

    @property
    def said(self) -> str:
        """Words of what it says differently; empty where `differs` is None."""
        if self.differs is None:
            return ""
        begin, end = (byte - self.span[0] for byte in self.differs)
        return self.text.encode()[begin:end].decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Conflict:
    """Passages that disagree about a claim. Which of them is right is not judged."""

    claim_id: int
    """The claim."""
    kind: ConflictKind
    """Kind of difference."""
    cited: ConflictingPlace
    """Places that the claim rests on."""
    other: ConflictingPlace
    """Place in another passage."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a check."""

    claim_id: int
    """The claim."""
    label: VerdictLabel = field(metadata=read_as(VerdictLabel.NOT_CHECKED))
    """Verdict."""
    score: float
    """Likelihood that the passages support the claim, 0 to 1, where the checker is calibrated; else the
    best passage's support by the checker's own scale."""
    checker: str
    """Name of the checker."""
    reason: NotCheckedReason | None = None
    """Why the claim was not checked."""
    answers_question: QuestionFit | None = None
    """Fit as an answer to the question; None where nothing was asked or checked."""
    nearest: Citation | None = None
    """Of `UNSUPPORTED` and `LOW_CONFIDENCE`: the sentence that is nearest to the claim. It does not support
    the claim; None where no passage has one."""
    disagreement: Disagreement | None = None
    """In what the claim and the passages disagree; None where it is supported, or nothing was found."""
    marked: Sequence[Span] = ()
    """The words of the claim that the passages do not have or say otherwise, as bytes of the UTF-8 of the
    text that it is a claim of, in order."""
    compared: ConflictingPlace | None = None
    """The sentence that says the marked words otherwise or, of `OTHER_SOURCE`, that has them."""
    checker_revision: str = ""
    """The revision of what the checker has learned; of one that learns nothing, the server's release."""
    other_language: bool = False
    """True if question or claim are not in English, for which `answers_question` is less sure."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """A claim that is not in the answer because the passages do not support it; before what replaces it."""

    span: Span
    """Range of what stands in its place, in bytes of the UTF-8 of the text; empty where nothing does."""
    text: str
    """As it was written, with the white space before it."""
    label: VerdictLabel = field(metadata=read_as(VerdictLabel.UNSUPPORTED))
    """Its verdict: `UNSUPPORTED` or `CONTRADICTED`."""
    score: float
    """The verdict's score."""

    @property
    def is_dropped(self) -> bool:
        """Tell whether nothing stands in its place."""
        return self.span[0] == self.span[1]


CheckEvent: TypeAlias = Citation | Verdict | Conflict
"""Results of the check of a claim, in the order in which they are told."""
