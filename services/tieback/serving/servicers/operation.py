"""tieback.v1.OperationService: starts what runs for minutes.

The page about an upgrade is drawn here, since reports stand above operations.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tieback.reports.upgrade.page import page
from tieback.serving.requests import rpcs
from tieback.serving.servicers.of_port import servicer
from tieback.v1 import operation_pb2

if TYPE_CHECKING:
    from tieback.operations.control import Control


def operation_servicer(control: Control) -> Any:
    """The servicer of operations: a method for each kind."""

    async def report(
        _: object, request: operation_pb2.GetUpgradeReportRequest, __: object
    ) -> operation_pb2.GetUpgradeReportResponse:
        """A page for people about what an upgrade is worth, and how far it is."""
        collection, plans = await control.known(request.collection)
        return operation_pb2.GetUpgradeReportResponse(page=await asyncio.to_thread(page, collection, plans))

    return servicer(control, rpcs.OPERATIONS, GetUpgradeReport=report)
