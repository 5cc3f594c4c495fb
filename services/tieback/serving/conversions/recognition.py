"""What was recognised in pictures and sounds."""

from __future__ import annotations

from collections.abc import Iterable

from tieback_contract.field_path import FieldPath
from tieback_contract.recognition import RecognisedText, Segment

from tieback.core.types.recognition import RecogniseReply
from tieback.serving.conversions.codec import check_order, reading, writing
from tieback.serving.conversions.frames import each
from tieback.v1 import content_pb2, recognition_pb2

read_recognised = reading(RecognisedText, content_pb2.RecognisedText)
write_recognised = writing(RecognisedText, content_pb2.RecognisedText)
_read_segment, _write_segment = reading(Segment, content_pb2.Segment), writing(Segment, content_pb2.Segment)


def segments_of(
    messages: Iterable[content_pb2.Segment], text: str | None, field: FieldPath
) -> tuple[Segment, ...]:
    """The segments of a text: in its order, apart, each with a box or a time; None for one not known here.

    InvalidInput where one is outside of the text or the picture, or is before or over another.
    """
    found = tuple(each(messages, _read_segment, field))
    check_order(found, text, field)
    return found


def segment_messages(segments: Iterable[Segment]) -> list[content_pb2.Segment]:
    """The messages of segments."""
    return list(map(_write_segment, segments))


read_recognise_reply = reading(RecogniseReply, recognition_pb2.RecogniseResponse)
write_recognise_reply = writing(RecogniseReply, recognition_pb2.RecogniseResponse)
