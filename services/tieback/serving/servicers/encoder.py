"""tieback.v1.EncoderService."""

from __future__ import annotations

from typing import Any

import grpc

from tieback.core.errors import InvalidInput
from tieback.core.types import Content, EncodeReply
from tieback.ports import EncoderPort
from tieback.serving.conversions.contents import read_content, read_truncation, write_encode_reply
from tieback.serving.conversions.vectors import read_output
from tieback.serving.servicers.time_left import deadline_of
from tieback.v1 import encoder_pb2, encoder_pb2_grpc


class EncoderServicer(encoder_pb2_grpc.EncoderServiceServicer):
    """Encodes batches."""

    def __init__(self, encoder: EncoderPort) -> None:
        self._encoder = encoder

    async def Encode(
        self, request: encoder_pb2.EncodeRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> encoder_pb2.EncodeResponse:
        """Encodes a batch; a content that cannot even be read fails alone, like any bad one."""
        deadline = deadline_of(context)
        unreadable: dict[int, InvalidInput] = {}
        contents: list[Content] = []
        for index, message in enumerate(request.contents):
            try:
                contents.append(read_content(message, f"contents[{index}]"))
            except InvalidInput as error:
                unreadable[index] = error
        output = read_output(request.output, "output")
        truncation = read_truncation(request.truncation, "truncation")
        if unreadable and not contents:
            raise next(iter(unreadable.values()))
        reply = await self._encoder.encode(
            request.space, contents, output, truncation=truncation, deadline=deadline
        )
        if unreadable:
            reply = _with_unreadable(reply, unreadable)
        return write_encode_reply(reply)


def _with_unreadable(reply: EncodeReply, unreadable: dict[int, InvalidInput]) -> EncodeReply:
    """Puts the unreadable contents' errors where they belong, and the others' field paths right."""
    results = iter(reply.results)
    merged = []
    for index in range(len(reply.results) + len(unreadable)):
        if index in unreadable:
            merged.append(unreadable[index])
            continue
        result = next(results)
        if isinstance(result, InvalidInput):
            result.field = f"contents[{index}]" + result.field.partition("]")[2]
        merged.append(result)  # type: ignore[arg-type]  # a list of both
    return EncodeReply(merged, reply.timing, reply.cost)
