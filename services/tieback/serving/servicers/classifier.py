"""tieback.v1.ClassifierService."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
from google.longrunning import operations_proto_pb2

from tieback.serving.conversions.operations import head_request, operation_message
from tieback.serving.requests import rpcs
from tieback.serving.requests.context import deadline_of
from tieback.serving.requests.parsing import converted
from tieback.serving.servicers.of_port import servicer
from tieback.v1 import classifier_pb2

if TYPE_CHECKING:
    from tieback.classifier import Classifier
    from tieback.operations.service import Operations


def classifier_servicer(classifier: Classifier, operations: Operations) -> Any:
    """The servicer of heads: it fits them, as operations, and predicts by them."""

    async def fit(
        _: object, request: classifier_pb2.FitHeadRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> operations_proto_pb2.Operation:
        """Encodes the examples, and begins to fit a head."""
        asked = await converted(lambda: head_request(request))
        async with classifier.drafted(asked, deadline=deadline_of(context)) as draft:
            return operation_message(await operations.start("fit_head", draft))

    return servicer(classifier, rpcs.CLASSIFIER, FitHead=fit)
