"""The target of servers that speak the Open Inference Protocol (KServe V2) over gRPC."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray

from benchmarks.load.target import Rejected

METHOD = "/inference.GRPCInferenceService/ModelInfer"
# Triton says UNAVAILABLE of a full queue and of what has waited for longer than it may.
SHED = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@dataclass
class OpenInferenceTarget:
    """One model: strings [n, 1] in the input `texts`, vectors [n, width] out.

    A request for more than `largest` texts is sent as several at once.
    """

    address: str
    model: str
    largest: int
    _channel: grpc.aio.Channel | None = field(default=None, init=False, repr=False)
    _infer: Any = field(default=None, init=False, repr=False)

    async def open(self) -> None:
        service_pb2 = _messages()
        self._channel = grpc.aio.insecure_channel(self.address, options=UNLIMITED)
        self._infer = self._channel.unary_unary(
            METHOD,
            request_serializer=service_pb2.ModelInferRequest.SerializeToString,
            response_deserializer=service_pb2.ModelInferResponse.FromString,
        )

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close(None)
            self._channel = self._infer = None

    async def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if len(texts) <= self.largest:
            return await self._encode(texts)
        parts = [texts[begin : begin + self.largest] for begin in range(0, len(texts), self.largest)]
        return np.concatenate(await asyncio.gather(*map(self._encode, parts)))

    async def _encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        request = _messages().ModelInferRequest(model_name=self.model)
        request.inputs.add(name="texts", datatype="BYTES", shape=[len(texts), 1])
        request.raw_input_contents.append(b"".join(_element(text) for text in texts))
        try:
            response = await self._infer(request)
        except grpc.aio.AioRpcError as error:
            if error.code() in SHED:
                raise Rejected(error.details() or "") from error
            raise
        return np.frombuffer(response.raw_output_contents[0], np.float32).reshape(len(texts), -1)


def _messages() -> Any:
    """Loaded when a server is asked: a process cannot have these and the messages of our own door."""
    from tritonclient.grpc import service_pb2

    return service_pb2


def _element(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<I", len(data)) + data
