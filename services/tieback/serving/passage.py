"""How the gateway hands calls on to the services behind it.

A call for one service is handed on as bytes: what is inside is its business, and reading and writing
it again would cost more than the hop. Only `Encode` is looked into, for the space that decides who is asked.
Errors come back as the service gave them, details included; what the transport says of a lost replica stays
inside, since it names addresses.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import aclosing
from typing import Any

import grpc
from google.rpc import status_pb2

from tieback.core.errors import InvalidInput, NotFound
from tieback.serving import failures, targets
from tieback.serving.contract import METHODS, Method
from tieback.serving.edge import Passed
from tieback.serving.mesh import Mesh
from tieback.serving.servicers.time_left import deadline_of

Context = grpc.aio.ServicerContext[Any, Any]


class Passage(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # the stubs make it generic, grpc does not
    """Hands the calls of `services` on to the deployments that serve them."""

    def __init__(self, mesh: Mesh, services: Collection[str], spaces: Collection[str]) -> None:
        self._mesh = mesh
        self._spaces = spaces
        self._handlers = {
            method.path: self._handler(method) for method in METHODS.values() if method.service in services
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The handler of a method, made beforehand; None for one that is not passed on."""
        return self._handlers.get(str(handler_call_details.method))

    def _handler(self, method: Method) -> Any:
        async def one_for_one(request: bytes, context: Context) -> bytes:
            deadline = deadline_of(context)
            try:
                return await self._mesh.unary(
                    self._target(method, request), method, request, deadline=deadline
                )
            except grpc.aio.AioRpcError as error:
                raise handed_on(error) from None

        async def many(request: Any, context: Context) -> AsyncIterator[bytes]:
            target = targets.OF_SERVICE[method.service]
            stream = self._mesh.stream(target, method, request, deadline=deadline_of(context))
            try:
                async with aclosing(stream):
                    async for response in stream:
                        yield response
            except grpc.aio.AioRpcError as error:
                raise handed_on(error) from None

        if method.request_streaming:
            return grpc.stream_stream_rpc_method_handler(many)
        if method.response_streaming:
            return grpc.unary_stream_rpc_method_handler(many)
        return grpc.unary_unary_rpc_method_handler(one_for_one)

    def _target(self, method: Method, request: bytes) -> str:
        if method.service != targets.ENCODER_SERVICE:
            return targets.OF_SERVICE[method.service]
        space = read_space(request)
        if space not in self._spaces:
            raise NotFound("space", space, self._spaces)
        return targets.encoder(space)


def handed_on(error: grpc.aio.AioRpcError) -> Exception:
    """What the caller is told of a call that failed behind the gateway."""
    trailing: Any = error.trailing_metadata() or ()  # the stubs know no iteration
    for key, value in trailing:
        if key == failures.DETAILS_KEY:
            return Passed(status_pb2.Status.FromString(value))
    return failures.from_rpc_error(error)


def read_space(request: bytes) -> str:
    """Field 1 of an EncodeRequest, found without reading the contents beside it (protobuf's wire format)."""
    place, space = 0, b""
    try:
        while place < len(request):
            tag, place = _varint(request, place)
            kind = tag & 7
            if kind == 0:
                _, place = _varint(request, place)
            elif kind == 2:
                length, place = _varint(request, place)
                if tag >> 3 == 1:
                    space = request[place : place + length]
                place += length
            else:
                place += {1: 8, 5: 4}[kind]
        if place > len(request):
            raise IndexError
        return space.decode()
    except (IndexError, KeyError, UnicodeDecodeError):
        raise InvalidInput(
            "the request is not a message of this method: it is malformed, or a text is not valid UTF-8",
            reason="MALFORMED_MESSAGE",
        ) from None


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise IndexError
