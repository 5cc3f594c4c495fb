"""What is written in pictures and said in sounds."""

from __future__ import annotations

from collections.abc import Sequence

from tieback.v1 import recognition_pb2
from tieback_contract.field_path import at
from tieback_contract.method_choice import MethodLike

from tieback_client.messages import reading, writing
from tieback_client.transport.rpc import RPCS, Procedure, UnaryCall
from tieback_client.transport.surface import unary
from tieback_client.values.content import ContentLike
from tieback_client.values.results import RecognisedBatch


def recognise(
    contents: ContentLike | Sequence[ContentLike],
    *,
    model: str = "",
    fusion: MethodLike | None = None,
    timeout: float | None = None,
) -> Procedure[RecognisedBatch]:
    """Reads what is written in pictures, and writes down what is said in sounds.

    `contents` is one or several: a `pathlib.Path` is read by its suffix, and `Image`, `Audio` and pictures of
    PIL do as well. Each result has the text in reading order, and segments of it with their boxes in the
    picture or times in the sound. `model` is one of `recognisers()`; empty for the server's of each modality.

    `fusion` has the served language model take part in what the recogniser is unsure of: `"gfd"`, or with
    parameters `("gfd", {"weight": 0.1})`.

    A content that fails does not fail the others: see `RecognisedBatch.outcomes`.
    """
    listed = contents if isinstance(contents, list | tuple) else [contents]
    messages = [writing.content(one, at("contents", place)) for place, one in enumerate(listed)]
    request = recognition_pb2.RecogniseRequest(
        contents=messages, model=model, fusion=writing.method(fusion, at("fusion"))
    )
    reply = yield UnaryCall(RPCS["Recognise"], request, timeout)
    outcomes = reading.outcomes(reply.message.results, reading.recognised, reply.info)
    return RecognisedBatch(outcomes, reading.timing(reply.message.timing), reply.info)


class RecognitionMethods:
    """The methods of both clients."""

    recognise = unary(recognise)
