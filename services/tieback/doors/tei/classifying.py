"""Texts with the labels that fit them."""

from __future__ import annotations

from tieback_contract.field_path import at
from tieback_contract.modality import Modality

from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, TiebackError, Unsupported
from tieback.core.types.content import Content
from tieback.core.types.encoding import Truncation
from tieback.core.types.heads import ClassifyRequest
from tieback.dialects import tei_pb2
from tieback.doors.tei.door import Models, here, metadata, truncation_of
from tieback.ports import TextClassifierPort

_NONE = (
    "this server serves no classifier of texts, which tieback models add FOLDER makes a card for; heads are "
    "asked by tieback.v1.ClassifierService: FitHead, Predict"
)


class Classifying:
    """Answers the requests of the service Predict; `classifier` is None where the platform has none."""

    def __init__(self, models: Models, classifier: TextClassifierPort | None) -> None:
        self._models, self._classifier = models, classifier

    async def predict(
        self, request: tei_pb2.PredictRequest, model: str, deadline: Deadline
    ) -> tei_pb2.PredictResponse:
        """All labels of a text, best first."""
        if self._classifier is None:
            raise Unsupported(_NONE)
        served = self._models.classifier(model)
        cuts = truncation_of(request) is Truncation.END
        asked = ClassifyRequest(served.name, [Content(Modality.TEXT, request.inputs)], cuts)
        reply = await self._classifier.classify(asked, Call(deadline))
        if request.raw_scores and reply.problem != "regression":
            raise Unsupported("scores are probabilities here: leave raw_scores out")
        (result,) = reply.results
        if isinstance(result, TiebackError):
            moved = result.moved(at("contents", 0), at("inputs"))
            raise here(moved) if isinstance(moved, InvalidInput) else moved
        predictions = [tei_pb2.Prediction(score=one.score, label=one.name) for one in result.labels]
        return tei_pb2.PredictResponse(
            predictions=predictions, metadata=metadata(len(request.inputs), 0, reply.timing)
        )
