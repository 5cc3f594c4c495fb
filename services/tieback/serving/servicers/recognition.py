"""tieback.v1.RecognitionService."""

from __future__ import annotations

import functools
from typing import Any

import grpc
from tieback_contract.field_path import at

from tieback.ports import RecogniserPort
from tieback.serving.conversions.contents import read_content
from tieback.serving.conversions.recognition import write_recognise_reply
from tieback.serving.conversions.reports import read_method
from tieback.serving.reading import converted
from tieback.serving.servicers.batch import Batch
from tieback.serving.servicers.time_left import deadline_of
from tieback.v1 import recognition_pb2, recognition_pb2_grpc


class RecognitionServicer(recognition_pb2_grpc.RecognitionServiceServicer):
    """Recognises writing and speech."""

    def __init__(self, recogniser: RecogniserPort) -> None:
        self._recogniser = recogniser

    async def Recognise(
        self, request: recognition_pb2.RecogniseRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> recognition_pb2.RecogniseResponse:
        """Recognises a batch; a content that cannot be read fails alone."""
        batch = await converted(lambda: Batch(request.contents, read_content, at("contents")))
        fusion = read_method(request.fusion, at("fusion")) if request.HasField("fusion") else None
        recognise = functools.partial(
            self._recogniser.recognise, model=request.model, fusion=fusion, deadline=deadline_of(context)
        )
        return write_recognise_reply(await batch.answered(recognise))
