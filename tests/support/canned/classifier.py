"""The service of the canned server that classifies."""

from __future__ import annotations

from typing import Any

import grpc
from google.rpc import error_details_pb2
from tieback.v1 import classifier_pb2, classifier_pb2_grpc, content_pb2, report_pb2

from support.canned.contents import SPACE, TIMING
from support.canned.failing import abort, bad_field, info, status
from support.canned.log import Log
from support.canned.operations import Operations

LIKELY = {"cat": 0.75, "dog": 0.25}


class Classifier(classifier_pb2_grpc.ClassifierServiceServicer):
    """It has one head, "pets", of cats and dogs; everything is a cat, but for the text "bad"."""

    def __init__(self, log: Log, operations: Operations) -> None:
        self.log, self.operations = log, operations

    def FitHead(self, request: classifier_pb2.FitHeadRequest, context: Any) -> Any:
        self.log.note("FitHead", context)
        self.log.fitted.append(request)
        return self.operations.started(request.name, head(request.name))

    def Predict(self, request: classifier_pb2.PredictRequest, context: Any) -> classifier_pb2.PredictResponse:
        self._known(request.head, context)
        self.log.predicted.append(request)
        return classifier_pb2.PredictResponse(
            results=[_result(place, one, request.top) for place, one in enumerate(request.contents)],
            version=request.version or 2,
            timing=TIMING,
        )

    def ListHeads(
        self, request: classifier_pb2.ListHeadsRequest, context: Any
    ) -> classifier_pb2.ListHeadsResponse:
        listed = head("pets")
        del listed.classes[:]
        listed.stale = "its space is gone"
        return classifier_pb2.ListHeadsResponse(heads=[listed])

    def GetHead(self, request: classifier_pb2.GetHeadRequest, context: Any) -> classifier_pb2.GetHeadResponse:
        self._known(request.name, context)
        return classifier_pb2.GetHeadResponse(head=head(request.name, request.version or 2))

    def DeleteHead(
        self, request: classifier_pb2.DeleteHeadRequest, context: Any
    ) -> classifier_pb2.DeleteHeadResponse:
        self._known(request.name, context)
        self.log.note("DeleteHead", context)
        return classifier_pb2.DeleteHeadResponse()

    def _known(self, name: str, context: Any) -> None:
        if name != "pets":
            missing = error_details_pb2.ResourceInfo(resource_type="head", resource_name=name)
            message = f"no head is named {name!r}; the choices are: pets"
            abort(context, grpc.StatusCode.NOT_FOUND, message, info("HEAD_NOT_FOUND"), missing)


def head(name: str, version: int = 2) -> classifier_pb2.Head:
    method = report_pb2.Method(name="logistic")
    method.parameters.update({"c": 10})
    made = classifier_pb2.Head(
        name=name,
        version=version,
        space=SPACE,
        method=method,
        classes=[
            classifier_pb2.HeadClass(label=label, example_count=count)
            for label, count in (("cat", 2), ("dog", 3))
        ],
        class_count=2,
        example_count=5,
        accuracy=0.8,
        artifact="0123456789ab",
        versions=[1, 2],
    )
    made.create_time.FromSeconds(1_700_000_000)
    return made


def _result(place: int, content: content_pb2.Content, top: int) -> classifier_pb2.PredictResult:
    if content.text == "bad":
        message = "the text has no word that is known"
        details = info("INVALID_INPUT"), bad_field(f"contents[{place}].text", message)
        return classifier_pb2.PredictResult(error=status(grpc.StatusCode.INVALID_ARGUMENT, message, *details))
    labels = [
        content_pb2.Label(name=name, index=index, probability=probability)
        for index, (name, probability) in enumerate(LIKELY.items())
    ]
    prediction = classifier_pb2.Prediction(labels=labels[: top or 5])
    if content.text == "remembered":
        prediction.memory_share = 0.5
    return classifier_pb2.PredictResult(prediction=prediction)
