"""The services of the canned server that write, and that say what there is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import grpc
from tieback.v1 import (
    catalog_pb2,
    catalog_pb2_grpc,
    generator_pb2,
    generator_pb2_grpc,
)

from support.canned.contents import PLAN, generation, space
from support.canned.log import Log

MESSAGE_BYTES = 6 * 1024 * 1024


class Generator(generator_pb2_grpc.GeneratorServiceServicer):
    def __init__(self, log: Log) -> None:
        self.log = log

    def Generate(self, request: Any, context: Any) -> Iterator[generator_pb2.GenerateResponse]:
        self.log.note("Generate", context)
        if request.prompt == "for ever":
            context.add_callback(self.log.cancelled.set)
            while context.is_active():
                yield generator_pb2.GenerateResponse(text=generator_pb2.TextDelta(text="and "))
                time.sleep(0.02)
            return
        if request.prompt == "flaky" and self.log.calls.count("Generate") < 3:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        yield from generation(request.prompt)
        if request.prompt == "breaks":
            context.abort(grpc.StatusCode.UNAVAILABLE, "gone in the middle")


class Catalog(catalog_pb2_grpc.CatalogServiceServicer):
    def __init__(self, log: Log) -> None:
        self.log = log

    def ListSpaces(self, request: Any, context: Any) -> catalog_pb2.ListSpacesResponse:
        self.log.note("ListSpaces", context)
        return catalog_pb2.ListSpacesResponse(spaces=[space()])

    def GetSpace(self, request: Any, context: Any) -> catalog_pb2.GetSpaceResponse:
        return catalog_pb2.GetSpaceResponse(space=space())

    def ListModels(self, request: Any, context: Any) -> catalog_pb2.ListModelsResponse:
        model = catalog_pb2.Model(name="writer", revision="r1", context_tokens=2048, ready=True)
        return catalog_pb2.ListModelsResponse(models=[model])

    def ListMethods(self, request: Any, context: Any) -> catalog_pb2.ListMethodsResponse:
        method = catalog_pb2.MethodDescription(
            family="reranking",
            name="late_interaction",
            summary="Sums each query token's best match.",
            parameters_schema='{"properties": {"pairs": {"type": "integer", "default": 5}}}',
        )
        return catalog_pb2.ListMethodsResponse(methods=[method])

    def ListEndpoints(self, request: Any, context: Any) -> catalog_pb2.ListEndpointsResponse:
        self.log.note("ListEndpoints", context)
        listed = [catalog_pb2.Endpoint(address=one) for one in self.log.endpoints]
        return catalog_pb2.ListEndpointsResponse(endpoints=listed, valid_ms=200)

    def GetServerInfo(self, request: Any, context: Any) -> catalog_pb2.GetServerInfoResponse:
        self.log.note("GetServerInfo", context)
        state = catalog_pb2.ServiceState(name="encoder:tiny", ready=True, replicas=1)
        limits = catalog_pb2.Limits(message_bytes=MESSAGE_BYTES, batch_items=64, audio_seconds=600)
        return catalog_pb2.GetServerInfoResponse(
            version="9.9.9", limits=limits, services=[state], retrieval=PLAN
        )
