"""What a recogniser reads in a picture or hears in a sound: a text, and where each part of it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tieback.core.errors import TiebackError
from tieback.core.types.arrays import Span
from tieback.core.types.locators import Locator
from tieback.core.types.report import Timing


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a text: its bytes there, and its place, a BOX of the picture or a TIME_RANGE of the sound.

    `score` is how sure the recogniser is, 0 to 1.
    """

    span: Span
    place: Locator
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class RecognisedText:
    """A text with its segments, in its order and apart; both are empty where nothing is written or said.

    What lies between two segments, a space or a line's end, has no place of its own. `model` is who read it.
    """

    text: str
    segments: Sequence[Segment] = ()
    model: str = ""


@dataclass(frozen=True, slots=True)
class RecogniseReply:
    """A result for each content, in order; a bad one has an error."""

    results: Sequence[RecognisedText | TiebackError]
    timing: Timing
