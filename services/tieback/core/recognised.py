"""Texts of segments, and where their bytes are in the picture or the sound that they were recognised in."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from tieback_contract.arrays import Box, Span, TimeRange
from tieback_contract.locators import Locator, LocatorKind
from tieback_contract.recognition import RecognisedText, Segment, SegmentKind

Part = tuple[str, Locator, float]
"""A piece of writing or speech, or a label, its place and its score."""

APART = "\n\n"
"""Ends a sentence where nothing else does."""


def joined(lines: Iterable[Sequence[Part]], model: str = "") -> RecognisedText:
    """The text of lines of parts, with a space between the parts of a line.

    A line that begins with a small letter goes on with the sentence of the line before. Any other is one of
    its own, as in a table or a form: an empty line is before it, which ends a sentence.
    """
    text: list[str] = []
    segments: list[Segment] = []
    byte = 0
    for line in lines:
        between = "\n" if line and line[0][0][:1].islower() else APART
        for part, place, score in line:
            if text:
                text.append(between)
                byte += len(between)
            size = len(part.encode())
            segments.append(Segment((byte, byte + size), place, score))
            text.append(part)
            byte, between = byte + size, " "
    return RecognisedText("".join(text), segments, (model,) if model else ())


def labelled(labels: Iterable[Part], model: str = "") -> RecognisedText:
    """Labels as a text, each a sentence of its own."""
    labels = list(labels)
    segments: list[Segment] = []
    byte = 0
    for label, place, score in labels:
        size = len(label.encode())
        segments.append(Segment((byte, byte + size), place, score, SegmentKind.LABEL))
        byte += size + len(APART)
    text = APART.join(label for label, _, _ in labels)
    return RecognisedText(text, segments, (model,) if model else ())


def together(found: Sequence[RecognisedText]) -> RecognisedText:
    """What several recognisers found in one content, one after another."""
    text: list[str] = []
    segments: list[Segment] = []
    byte = 0
    for one in found:
        if one.text:
            segments += moved(one.segments, byte)
            byte += len(one.text.encode()) + len(APART)
            text.append(one.text)
    return RecognisedText(APART.join(text), segments, tuple(name for one in found for name in one.models))


def words_of(recognised: RecognisedText) -> str:
    """The text without its labels: what is written or said."""
    encoded = recognised.text.encode()
    for one in reversed(recognised.segments):
        if one.kind is SegmentKind.LABEL:
            begin, end = one.span
            encoded = encoded[:begin] + encoded[end:]
    return encoded.decode().strip()


def moved(segments: Iterable[Segment], by: int) -> list[Segment]:
    """The segments where `by` bytes were put before their text."""
    return [dataclasses.replace(one, span=(one.span[0] + by, one.span[1] + by)) for one in segments]


def within(segments: Iterable[Segment], size: int) -> list[Segment]:
    """The segments of the first `size` bytes of their text; one that goes on after them ends there."""
    return [
        dataclasses.replace(one, span=(one.span[0], min(one.span[1], size)))
        for one in segments
        if one.span[0] < size
    ]


def region_of(segments: Iterable[Segment], span: Span | None) -> Box | None:
    """The smallest box around all segments that those bytes touch; None where they touch none with a box."""
    boxes = [one.place.place for one in _touched(segments, span) if one.place.kind is LocatorKind.BOX]
    if not boxes:
        return None
    left, top = (min(box[side] for box in boxes) for side in (0, 1))
    right, bottom = (max(box[side] + box[side + 2] for box in boxes) for side in (0, 1))
    return Box(left, top, right - left, bottom - top)


def time_of(segments: Iterable[Segment], span: Span | None) -> TimeRange | None:
    """From the begin of the first to the end of the last segment that those bytes touch, as `region_of`."""
    times = [one.place.place for one in _touched(segments, span) if one.place.kind is LocatorKind.TIME_RANGE]
    return (min(time[0] for time in times), max(time[1] for time in times)) if times else None


def _touched(segments: Iterable[Segment], span: Span | None) -> list[Segment]:
    if span is None:
        return []
    return [one for one in segments if one.span[0] < span[1] and span[0] < one.span[1]]
