"""What was recognised in pictures and sounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tieback.core.boxes import OUTSIDE, inside
from tieback.core.errors import InvalidInput
from tieback.core.field_path import FieldPath
from tieback.core.types.locators import LocatorKind
from tieback.core.types.recognition import RecognisedText, RecogniseReply, Segment, SegmentKind
from tieback.serving import failures
from tieback.serving.conversions.frames import Numbers
from tieback.serving.conversions.reports import fill_timing, finite, read_timing
from tieback.serving.conversions.results import add_results
from tieback.serving.conversions.vectors import read_locator, write_locator, write_span
from tieback.v1 import content_pb2, recognition_pb2

LAST_BYTE = 2**32 - 1
_KINDS = Numbers(content_pb2.SegmentKind, SegmentKind, "kind of segment", unspecified=SegmentKind.WORDS)


def segments_of(
    messages: Iterable[content_pb2.Segment], text: str | None, field: FieldPath
) -> tuple[Segment, ...]:
    """The segments of a text: in its order, apart, each with a box or a time; None for one not known here.

    InvalidInput where one is outside of the text or the picture, or is before or over another.
    """
    size = LAST_BYTE if text is None else len(text.encode(errors="replace"))
    end = 0
    found: list[Segment] = []
    for number, message in enumerate(messages):
        path = field[number]
        segment = _read_segment(message, path)
        first, last = segment.span
        if not end <= first < last <= size:
            raise InvalidInput(
                f"the segment is the bytes {first} to {last} of a text of {size} bytes; segments are in it, "
                "in its order, and do not overlap",
                field=path["span"],
            )
        end = last
        found.append(segment)
    return tuple(found)


def _read_segment(message: content_pb2.Segment, field: FieldPath) -> Segment:
    place = read_locator(message.place, field["place"])
    if place.kind is LocatorKind.BYTE_SPAN:
        raise InvalidInput("the place is a box of a picture, or a time of a sound", field=field["place"])
    if place.kind is LocatorKind.BOX and not inside(np.array([place.place])).all():
        raise InvalidInput(OUTSIDE, field=field["place"]["box"])
    if place.kind is LocatorKind.TIME_RANGE and not 0 <= place.place[0] <= place.place[1] < np.inf:
        raise InvalidInput(
            "a time begins at 0 or later, and does not end before", field=field["place"]["time_range"]
        )
    return Segment(
        (message.span.begin_byte, message.span.end_byte),
        place,
        finite(message.score, field["score"]),
        _KINDS.read(message.kind, field["kind"]),
    )


def segment_messages(segments: Sequence[Segment]) -> list[content_pb2.Segment]:
    """The messages of segments."""
    return [
        content_pb2.Segment(
            span=write_span(one.span),
            place=write_locator(one.place),
            score=one.score,
            kind=_KINDS.write(one.kind),
        )
        for one in segments
    ]


def read_recognised(message: content_pb2.RecognisedText, field: FieldPath) -> RecognisedText:
    """A text with its segments."""
    segments = segments_of(message.segments, message.text, field["segments"])
    return RecognisedText(message.text, segments, tuple(message.models))


def write_recognised(recognised: RecognisedText) -> content_pb2.RecognisedText:
    """The message of a text with its segments."""
    return content_pb2.RecognisedText(
        text=recognised.text, segments=segment_messages(recognised.segments), models=recognised.models
    )


def read_recognise_reply(message: recognition_pb2.RecogniseResponse) -> RecogniseReply:
    """A result for each content."""
    results = [
        failures.from_status(result.error)
        if result.WhichOneof("outcome") == "error"
        else read_recognised(result.recognised, FieldPath(("results", number, "recognised")))
        for number, result in enumerate(message.results)
    ]
    return RecogniseReply(results, read_timing(message.timing))


def write_recognise_reply(reply: RecogniseReply) -> recognition_pb2.RecogniseResponse:
    """The message of the results."""
    message = recognition_pb2.RecogniseResponse()
    add_results(message, reply.results, lambda result, one: result.recognised.CopyFrom(write_recognised(one)))
    fill_timing(message.timing, reply.timing)
    return message
