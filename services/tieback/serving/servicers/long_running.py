"""google.longrunning.Operations: what became of operations.

It is written by hand, since the contract is Google's: operations have the name operations/ID there, times are
Durations, and the stubs of its services are named otherwise than ours.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import grpc
from google.longrunning import operations_pb2_grpc, operations_proto_pb2
from google.protobuf import empty_pb2

from tieback.core.errors import InvalidInput
from tieback.serving.conversions.operations import PREFIX, id_in, operation_message
from tieback.serving.requests.context import deadline_of

if TYPE_CHECKING:
    from tieback.operations.service import Operations

Context = grpc.aio.ServicerContext[Any, Any]


class LongRunningServicer(operations_pb2_grpc.OperationsServicer):  # type: ignore[misc]  # it has no types
    """The operations of the tenant that calls."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def drain(self) -> None:
        """Answers those who wait."""
        self._operations.drain()

    async def ListOperations(
        self, request: operations_proto_pb2.ListOperationsRequest, context: Context
    ) -> operations_proto_pb2.ListOperationsResponse:
        """Lists operations that pass the filter, the newest first."""
        if request.name not in ("", PREFIX.rstrip("/")):
            raise InvalidInput(f"operations are listed under {PREFIX.rstrip('/')!r}", field="name")
        operations, token = await self._operations.page(
            filter=request.filter, page_size=request.page_size, page_token=request.page_token
        )
        return operations_proto_pb2.ListOperationsResponse(
            operations=[operation_message(one) for one in operations], next_page_token=token
        )

    async def GetOperation(
        self, request: operations_proto_pb2.GetOperationRequest, context: Context
    ) -> operations_proto_pb2.Operation:
        """Describes an operation."""
        return operation_message(await self._operations.get(id_in(request.name)))

    async def WaitOperation(
        self, request: operations_proto_pb2.WaitOperationRequest, context: Context
    ) -> operations_proto_pb2.Operation:
        """Describes an operation once it has ended, or when the time is over."""
        said = request.HasField("timeout")
        seconds = request.timeout.seconds + request.timeout.nanos / 1e9 if said else math.inf
        name, deadline = id_in(request.name), deadline_of(context)
        return operation_message(await self._operations.wait(name, seconds, deadline))

    async def CancelOperation(
        self, request: operations_proto_pb2.CancelOperationRequest, context: Context
    ) -> empty_pb2.Empty:
        """Asks an operation to end."""
        await self._operations.cancel(id_in(request.name))
        return empty_pb2.Empty()

    async def DeleteOperation(
        self, request: operations_proto_pb2.DeleteOperationRequest, context: Context
    ) -> empty_pb2.Empty:
        """Forgets an operation that has ended."""
        await self._operations.delete(id_in(request.name))
        return empty_pb2.Empty()
