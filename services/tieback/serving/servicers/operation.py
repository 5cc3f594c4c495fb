"""tieback.v1.OperationService: starts what runs for minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
from google.longrunning import operations_proto_pb2

from tieback.serving.conversions.operations import operation_message, plan_request, reindex_request
from tieback.v1 import operation_pb2, operation_pb2_grpc

if TYPE_CHECKING:
    from tieback.operations.service import Operations

Context = grpc.aio.ServicerContext[Any, Any]


class OperationServicer(operation_pb2_grpc.OperationServiceServicer):
    """A method for each kind of operation."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def StartReindex(
        self, request: operation_pb2.StartReindexRequest, context: Context
    ) -> operations_proto_pb2.Operation:
        """Begins to encode a collection's items again."""
        return operation_message(await self._operations.start("reindex", reindex_request(request)))

    async def PlanUpgrade(
        self, request: operation_pb2.PlanUpgradeRequest, context: Context
    ) -> operations_proto_pb2.Operation:
        """Begins to learn a transform between a collection's space and another one."""
        return operation_message(await self._operations.start("plan_upgrade", plan_request(request)))
