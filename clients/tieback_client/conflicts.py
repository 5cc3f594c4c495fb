"""Passages that disagree: what a claim rests on, and what another passage says."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class ConflictKind(enum.StrEnum):
    """What two sentences say differently."""

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
class ConflictingPlace:
    """A sentence of a passage that says something else than a claim, or than a sentence of another one."""

    evidence_id: str
    """The passage."""
    item_id: str
    """The item it is in."""
    section_id: str
    """The section within the item."""
    span: tuple[int, int]
    """The sentence, as bytes of the passage's text."""
    differs: tuple[int, int] | None
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
    """What differs."""
    cited: ConflictingPlace
    """What the claim rests on."""
    other: ConflictingPlace
    """What another passage says."""
