"""tieback.v1.ClassifierService."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import grpc
from google.longrunning import operations_proto_pb2
from tieback_contract.field_path import at

from tieback.serving.conversions.contents import read_content
from tieback.serving.conversions.heads import head_message, head_request, predict_response
from tieback.serving.conversions.operations import operation_message
from tieback.serving.reading import converted
from tieback.serving.servicers.batch import Batch
from tieback.serving.servicers.time_left import deadline_of
from tieback.v1 import classifier_pb2, classifier_pb2_grpc

if TYPE_CHECKING:
    from tieback.classifier import Classifier
    from tieback.operations.service import Operations

Context = grpc.aio.ServicerContext[Any, Any]


class ClassifierServicer(classifier_pb2_grpc.ClassifierServiceServicer):
    """Fits heads, as operations, and predicts by them."""

    def __init__(self, classifier: Classifier, operations: Operations) -> None:
        self._classifier, self._operations = classifier, operations

    async def FitHead(
        self, request: classifier_pb2.FitHeadRequest, context: Context
    ) -> operations_proto_pb2.Operation:
        """Encodes the examples, and begins to fit a head."""
        asked = await converted(lambda: head_request(request))
        async with self._classifier.drafted(asked, deadline=deadline_of(context)) as draft:
            return operation_message(await self._operations.start("fit_head", draft))

    async def Predict(
        self, request: classifier_pb2.PredictRequest, context: Context
    ) -> classifier_pb2.PredictResponse:
        """Classifies contents."""
        read = partial(read_content, tokenised=False)
        batch = await converted(lambda: Batch(request.contents, read, at("contents")))
        predict = partial(
            self._classifier.predict,
            request.head,
            version=request.version,
            top=request.top,
            deadline=deadline_of(context),
        )
        return predict_response(await batch.answered(predict))

    async def ListHeads(
        self, request: classifier_pb2.ListHeadsRequest, context: Context
    ) -> classifier_pb2.ListHeadsResponse:
        """Lists the heads."""
        found = await self._classifier.list_heads()
        return classifier_pb2.ListHeadsResponse(heads=map(head_message, found))

    async def GetHead(
        self, request: classifier_pb2.GetHeadRequest, context: Context
    ) -> classifier_pb2.GetHeadResponse:
        """Describes a head."""
        found = await self._classifier.get_head(request.name, version=request.version)
        return classifier_pb2.GetHeadResponse(head=head_message(found))

    async def DeleteHead(
        self, request: classifier_pb2.DeleteHeadRequest, context: Context
    ) -> classifier_pb2.DeleteHeadResponse:
        """Removes a head."""
        await self._classifier.delete_head(request.name)
        return classifier_pb2.DeleteHeadResponse()
