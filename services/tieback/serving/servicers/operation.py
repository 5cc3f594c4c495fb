"""tieback.v1.OperationService: starts what runs for minutes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
from google.longrunning import operations_proto_pb2

from tieback.reports.upgrade.page import page
from tieback.serving.conversions.collections import write_collection
from tieback.serving.conversions.operations import (
    operation_message,
    plan_request,
    reindex_request,
    upgrade_request,
)
from tieback.v1 import operation_pb2, operation_pb2_grpc

if TYPE_CHECKING:
    from tieback.operations.service import Operations
    from tieback.operations.upgrades.control import Upgrades

Context = grpc.aio.ServicerContext[Any, Any]


class OperationServicer(operation_pb2_grpc.OperationServiceServicer):
    """A method for each kind of operation."""

    def __init__(self, operations: Operations, upgrades: Upgrades) -> None:
        self._operations, self._upgrades = operations, upgrades

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

    async def StartUpgrade(
        self, request: operation_pb2.StartUpgradeRequest, context: Context
    ) -> operations_proto_pb2.Operation:
        """Begins to move a collection to another space."""
        return operation_message(await self._upgrades.start(upgrade_request(request)))

    async def PauseUpgrade(
        self, request: operation_pb2.PauseUpgradeRequest, context: Context
    ) -> operation_pb2.PauseUpgradeResponse:
        """Has an upgrade encode no more."""
        found = await self._upgrades.pause(request.collection)
        return operation_pb2.PauseUpgradeResponse(collection=write_collection(found))

    async def ResumeUpgrade(
        self, request: operation_pb2.ResumeUpgradeRequest, context: Context
    ) -> operations_proto_pb2.Operation:
        """Goes on with an upgrade."""
        return operation_message(await self._upgrades.resume(request.collection))

    async def RollbackUpgrade(
        self, request: operation_pb2.RollbackUpgradeRequest, context: Context
    ) -> operation_pb2.RollbackUpgradeResponse:
        """Has a collection stay in its old space."""
        found = await self._upgrades.roll_back(request.collection)
        return operation_pb2.RollbackUpgradeResponse(collection=write_collection(found))

    async def GetUpgradeReport(
        self, request: operation_pb2.GetUpgradeReportRequest, context: Context
    ) -> operation_pb2.GetUpgradeReportResponse:
        """A page for people about what an upgrade is worth, and how far it is."""
        collection, plans = await self._upgrades.known(request.collection)
        return operation_pb2.GetUpgradeReportResponse(page=await asyncio.to_thread(page, collection, plans))

    async def FinishUpgrade(
        self, request: operation_pb2.FinishUpgradeRequest, context: Context
    ) -> operation_pb2.FinishUpgradeResponse:
        """Has a collection be in its new space alone."""
        found = await self._upgrades.finish(request.collection, drop_missing=request.drop_missing)
        return operation_pb2.FinishUpgradeResponse(collection=write_collection(found))
