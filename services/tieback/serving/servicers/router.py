"""tieback.v1.RouterService."""

from __future__ import annotations

import functools
from typing import Any

import grpc
from tieback_contract.field_path import at

from tieback.ports import RouterPort
from tieback.serving.conversions.routings import read_fuse_input, read_role, read_routing, write_fuse_reply
from tieback.serving.reading import converted
from tieback.serving.servicers.batch import Batch
from tieback.serving.servicers.time_left import deadline_of
from tieback.v1 import router_pb2, router_pb2_grpc


class RouterServicer(router_pb2_grpc.RouterServiceServicer):
    """Fuses encodings."""

    def __init__(self, router: RouterPort) -> None:
        self._router = router

    async def Fuse(
        self, request: router_pb2.FuseRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> router_pb2.FuseResponse:
        """Fuses a batch of inputs."""
        deadline = deadline_of(context)
        batch = await converted(lambda: Batch(request.inputs, read_fuse_input, at("inputs")))
        fuse = functools.partial(
            self._router.fuse,
            role=read_role(request.role, at("role")),
            routing=read_routing(request.routing, at("routing")),
            per_region=request.per_region,
            deadline=deadline,
        )
        return write_fuse_reply(await batch.answered(fuse))
