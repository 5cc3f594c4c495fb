"""Words that were read in pictures and heard in sounds."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from tieback_contract.arrays import Span
from tieback_contract.locators import Locator


class SegmentKind(enum.StrEnum):
    """Kind of a segment's text."""

    WORDS = "words"
    """Words that are written or said there."""
    LABEL = "label"
    """The name of something that is seen or heard there, with synonyms behind commas."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a text with its place in the picture or the sound."""

    span: Span
    """Its bytes in the UTF-8 of the text."""
    place: Locator
    """Place: a box of the picture, or a time of the sound."""
    score: float = 1.0
    """Certainty of the recogniser, 0 to 1; of a label, the likelihood that this is there."""
    kind: SegmentKind = SegmentKind.WORDS
    """Kind of its text. Claims are held against labels by rules of their own."""


@dataclass(frozen=True, slots=True)
class RecognisedText:
    """Words that are written in a picture or said in a sound, and names of what is seen or heard in it."""

    text: str
    """The text, in reading order, labels behind words; empty where nothing is recognised."""
    segments: Sequence[Segment] = ()
    """Its parts, in its order and apart; a space or a line's end between two has no place of its own."""
    models: Sequence[str] = ()
    """The recognisers."""

    @property
    def parts(self) -> list[tuple[str, Segment]]:
        """The segments, each with its own text."""
        encoded = self.text.encode()
        return [(encoded[slice(*one.span)].decode(), one) for one in self.segments]
