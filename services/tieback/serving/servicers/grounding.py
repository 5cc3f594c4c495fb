"""tieback.v1.GroundingService."""

from __future__ import annotations

import functools
from typing import Any

import grpc
from tieback_contract.field_path import at

from tieback.ports import GroundingPort
from tieback.serving.conversions.frames import optional
from tieback.serving.conversions.groundings import check_of, check_response
from tieback.serving.conversions.reports import read_method
from tieback.serving.reading import converted
from tieback.serving.servicers.batch import Batch
from tieback.serving.servicers.time_left import deadline_of
from tieback.v1 import grounding_pb2, grounding_pb2_grpc


class GroundingServicer(grounding_pb2_grpc.GroundingServiceServicer):
    """Checks texts against passages."""

    def __init__(self, grounding: GroundingPort) -> None:
        self._grounding = grounding

    async def CheckGrounding(
        self, request: grounding_pb2.CheckGroundingRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> grounding_pb2.CheckGroundingResponse:
        """Checks the claims of texts."""
        deadline = deadline_of(context)
        batch = await converted(lambda: Batch(request.checks, check_of, at("checks")))
        check = functools.partial(
            self._grounding.check, checker=optional(request, "checker", read_method), deadline=deadline
        )
        return check_response(await batch.answered(check))
