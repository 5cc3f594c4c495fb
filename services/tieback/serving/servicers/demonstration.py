"""tieback.v1.DemonstrationService."""

from __future__ import annotations

from typing import Any

import grpc

from tieback.generator import Generator
from tieback.serving.conversions.demonstrations import demonstration_of, stored_message
from tieback.serving.conversions.reports import fill_timing
from tieback.serving.servicers.time_left import deadline_of
from tieback.v1 import demonstration_pb2, demonstration_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class DemonstrationServicer(demonstration_pb2_grpc.DemonstrationServiceServicer):
    """Keeps demonstrations, beside the model that reads them."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    async def PutDemonstration(
        self, request: demonstration_pb2.PutDemonstrationRequest, context: Context
    ) -> demonstration_pb2.PutDemonstrationResponse:
        """Reads and keeps one."""
        one = demonstration_of(request.demonstration)
        reply = await self._generator.demonstrations.put(one, deadline=deadline_of(context))
        message = demonstration_pb2.PutDemonstrationResponse(stored=stored_message(reply.stored))
        fill_timing(message.timing, reply.timing)
        return message

    async def ListDemonstrations(
        self, request: demonstration_pb2.ListDemonstrationsRequest, context: Context
    ) -> demonstration_pb2.ListDemonstrationsResponse:
        """Lists them."""
        found = await self._generator.demonstrations.list_demonstrations()
        return demonstration_pb2.ListDemonstrationsResponse(demonstrations=map(stored_message, found))

    async def DeleteDemonstration(
        self, request: demonstration_pb2.DeleteDemonstrationRequest, context: Context
    ) -> demonstration_pb2.DeleteDemonstrationResponse:
        """Removes one."""
        await self._generator.demonstrations.delete(request.id)
        return demonstration_pb2.DeleteDemonstrationResponse()
