"""The gateway's proxy: passes calls to the services as bytes.

A call for one service is passed on without decoding, since decoding and encoding it again would cost more
than the hop. Only calls to encoders are inspected, for the space that decides which deployment is called.
Errors are returned as the service sent them, with details. Transport errors of a lost replica are not
returned, since they contain addresses.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import aclosing
from typing import Any

import grpc
from google.rpc import status_pb2

from tieback.core.deadline import Deadline
from tieback.core.errors import Overloaded
from tieback.core.types.encoding import unknown_space
from tieback.serving.mesh import Mesh, directory
from tieback.serving.mesh.coalescing import Coalescer
from tieback.serving.requests import failures, rejection
from tieback.serving.requests.call import Passed
from tieback.serving.requests.context import deadline_of
from tieback.serving.requests.contract import ContractMethod, methods
from tieback.serving.requests.wire import read_text

SMALL = 64
"""Tokens that are assumed for a request that was not read."""

Context = grpc.aio.ServicerContext[Any, Any]
# The field of the space in a request to an encoder: in EncodeStreamRequest it is request.space.
_SPACE = {"Encode": (1,), "EncodeStream": (2, 1), "SplitTexts": (1,)}


class ByteProxy(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # the stubs make it generic, grpc does not
    """Passes the calls of services to the deployments that serve them, for encoders to that of the space.

    With a `coalescer`, calls of `Encode` go through it.
    """

    def __init__(
        self,
        mesh: Mesh,
        services: Mapping[str, str],
        spaces: Collection[str],
        *,
        coalescer: Coalescer | None = None,
    ) -> None:
        self._mesh = mesh
        self._services = services
        self._spaces = spaces
        self._coalescer = coalescer
        self._handlers = {
            method.path: self._handler(method) for method in methods().values() if method.service in services
        }

    def is_pressed(self, space: str) -> bool:
        """Whether a replica of the space was full just now for the running tenant."""
        return space in self._spaces and self._mesh.is_pressed(directory.encoder(space))

    def refusal(self, space: str, deadline: Deadline) -> Overloaded | None:
        """Why no replica of the space would take even a small request; None where one might."""
        target = directory.encoder(space)
        waiting = self._coalescer.waiting(target) if self._coalescer is not None else 0
        return self._mesh.refusal(target, SMALL + waiting, deadline)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The handler of a method, made beforehand; None for one that is not passed on."""
        return self._handlers.get(str(handler_call_details.method))

    def _handler(self, method: ContractMethod) -> Any:
        target = self._target(method)

        async def one_for_one(request: bytes, context: Context) -> bytes:
            deadline = deadline_of(context)
            try:
                if coalescer is not None:
                    return await coalescer.encode(target(request), request, deadline)
                return await self._mesh.unary(target(request), method, request, deadline=deadline)
            except grpc.aio.AioRpcError as error:
                raise forwarded_error(error) from None

        async def many(request: Any, context: Context) -> AsyncIterator[bytes]:
            first = await anext(request, None) if method.request_streaming else request
            if first is None:  # an empty stream calls nobody
                return
            sent = _chained(first, request) if method.request_streaming else request
            stream = self._mesh.stream(target(first), method, sent, deadline=deadline_of(context))
            try:
                async with aclosing(stream):
                    async for response in stream:
                        yield response
            except grpc.aio.AioRpcError as error:
                raise forwarded_error(error) from None

        if method.request_streaming:
            return grpc.stream_stream_rpc_method_handler(many)
        if method.response_streaming:
            return grpc.unary_stream_rpc_method_handler(many)
        coalescer = self._coalescer if method.path == rejection.METHOD else None
        return grpc.unary_unary_rpc_method_handler(one_for_one)

    def _target(self, method: ContractMethod) -> Callable[[bytes], str]:
        """Chooses the deployment for a request to this method."""
        fixed = self._services[method.service]
        if fixed != directory.ENCODER:
            return lambda _: fixed
        path = _SPACE[method.path.rpartition("/")[2]]

        def of_space(request: bytes) -> str:
            space = read_text(request, *path)
            if space not in self._spaces:
                raise unknown_space(space, self._spaces)
            return directory.encoder(space)

        return of_space


def forwarded_error(error: grpc.aio.AioRpcError) -> Exception:
    """The error for the caller of a call that failed behind the gateway."""
    trailing: Any = error.trailing_metadata() or ()  # the stubs know no iteration
    for key, value in trailing:
        if key == failures.DETAILS_KEY:
            return Passed(status_pb2.Status.FromString(value))
    return failures.from_rpc_error(error)


async def _chained(first: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for message in others:
        yield message
