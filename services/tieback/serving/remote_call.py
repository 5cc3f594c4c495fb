"""One call to a replica that the mesh picks. The request's type determines the method of the contract."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.serving import failures
from tieback.serving.contract import METHOD_OF
from tieback.serving.mesh import Mesh

R = TypeVar("R", bound=Message)


async def call(
    mesh: Mesh, target: str, request: Message, answer: type[R], deadline: Deadline = NO_DEADLINE
) -> R:
    """One message for another. Raises the error that the service reported."""
    method = METHOD_OF[request.DESCRIPTOR.full_name]
    try:
        data = await mesh.unary(target, method, request.SerializeToString(), deadline=deadline)
    except grpc.aio.AioRpcError as error:
        raise failures.from_rpc_error(error) from None
    return answer.FromString(data)


async def stream(
    mesh: Mesh, target: str, request: Message, answer: type[R], deadline: Deadline = NO_DEADLINE
) -> AsyncGenerator[R, None]:
    """One message for a stream of others. Raises the error that the service reported."""
    method = METHOD_OF[request.DESCRIPTOR.full_name]
    answers = mesh.stream(target, method, request.SerializeToString(), deadline=deadline)
    try:
        async with aclosing(answers):
            async for data in answers:
                yield answer.FromString(data)
    except grpc.aio.AioRpcError as error:
        raise failures.from_rpc_error(error) from None
