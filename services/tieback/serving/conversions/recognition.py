"""What was recognised in pictures and sounds."""

from __future__ import annotations

from collections.abc import Iterable

from tieback_contract.field_path import FieldPath
from tieback_contract.recognition import RecognisedText, Segment

from tieback.core.types.recognition import RecogniseReply
from tieback.serving import failures
from tieback.serving.conversions.codec import check_order, reading, writing
from tieback.serving.conversions.frames import each
from tieback.serving.conversions.reports import fill_timing, read_timing
from tieback.serving.conversions.results import add_results
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
