"""The service of the canned server that keeps demonstrations."""

from __future__ import annotations

from typing import Any

import grpc
from tieback_lab.v1 import demonstration_pb2, demonstration_pb2_grpc

from support.canned.failing import abort, info
from support.canned.log import Log


class Demonstrations(demonstration_pb2_grpc.DemonstrationServiceServicer):
    """It keeps what is put, in the log; a virtual token is a word."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def PutDemonstration(self, request: Any, context: Any) -> demonstration_pb2.PutDemonstrationResponse:
        self.log.note("PutDemonstration", context)
        self.log.demonstrations.append(request.demonstration)
        return demonstration_pb2.PutDemonstrationResponse(stored=_stored(request.demonstration))

    def ListDemonstrations(self, request: Any, context: Any) -> demonstration_pb2.ListDemonstrationsResponse:
        return demonstration_pb2.ListDemonstrationsResponse(
            demonstrations=map(_stored, self.log.demonstrations)
        )

    def DeleteDemonstration(
        self, request: Any, context: Any
    ) -> demonstration_pb2.DeleteDemonstrationResponse:
        self.log.note("DeleteDemonstration", context)
        if request.id not in {one.id for one in self.log.demonstrations}:
            message = f"no demonstration is named {request.id!r}"
            abort(context, grpc.StatusCode.NOT_FOUND, message, info("DEMONSTRATION_NOT_FOUND"))
        return demonstration_pb2.DeleteDemonstrationResponse()


def _stored(one: demonstration_pb2.Demonstration) -> demonstration_pb2.StoredDemonstration:
    made = demonstration_pb2.StoredDemonstration(
        demonstration=one,
        tokens=len(f"{one.question} {one.answer}".split()),
        passage_tokens=len(one.passage.split()),
    )
    made.create_time.FromSeconds(1_700_000_000)
    return made
