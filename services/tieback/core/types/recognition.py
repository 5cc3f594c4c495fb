"""What a recogniser finds in a picture or a sound: a text, and where each part of it is."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from tieback.core.errors import TiebackError
from tieback.core.types.arrays import Span
from tieback.core.types.locators import Locator
from tieback.core.types.report import Timing


class SegmentKind(enum.StrEnum):
    """What a segment's text is: words that are written or said, or the name of what is seen or heard."""

    WORDS = "words"
    LABEL = "label"


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a text: its bytes there, and its place, a BOX of the picture or a TIME_RANGE of the sound.

    `score` is how sure the recogniser is, 0 to 1; of a label, how likely it is that it is there.
    """

    span: Span
    place: Locator
    score: float = 1.0
    kind: SegmentKind = SegmentKind.WORDS


@dataclass(frozen=True, slots=True)
class RecognisedText:
    """A text with its segments, in its order and apart; both are empty where nothing is recognised.

    What lies between two segments, a space or a line's end, has no place of its own. `models` found it.
    """

    text: str
    segments: Sequence[Segment] = ()
    models: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RecogniseReply:
    """A result for each content, in order; a bad one has an error."""

    results: Sequence[RecognisedText | TiebackError]
    timing: Timing
