"""Texts with the labels that fit them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
MOST_TEXTS = 2
OF_PARTS = (
    "the classifier labels parts of texts, which this API has no place for: ask "
    "tieback.v1.TextClassifierService/Classify"
)


class Classifying:
    """Answers the requests of the service Predict; `classifier` is None where the platform has none."""

    def __init__(self, models: Models, classifier: TextClassifierPort | None) -> None:
        self._models, self._classifier = models, classifier

    async def predict(
        self, request: tei_pb2.PredictRequest, model: str, deadline: Deadline
    ) -> tei_pb2.PredictResponse:
        """All labels of a text, best first."""
        return await self._labels(request, [request.inputs], model, deadline)

    async def predict_pair(
        self, request: tei_pb2.PredictPairRequest, model: str, deadline: Deadline
    ) -> tei_pb2.PredictResponse:
        """All labels of a pair of texts, best first."""
        if len(request.inputs) not in (1, MOST_TEXTS):
            raise InvalidInput(f"inputs are a text or two, not {len(request.inputs)}", field="inputs")
        return await self._labels(request, request.inputs, model, deadline)

    async def _labels(
        self, request: Any, texts: Sequence[str], model: str, deadline: Deadline
    ) -> tei_pb2.PredictResponse:
        if self._classifier is None:
            raise Unsupported(_NONE)
        served = self._models.classifier(model)
        asked = ClassifyRequest(
            served.name,
            [Content(Modality.TEXT, texts[0])],
            truncation_of(request) is Truncation.END,
            second_texts=texts[1:],
            raw_scores=request.raw_scores,
        )
        reply = await self._classifier.classify(asked, Call(deadline))
        if reply.problem == "tokens":
            raise Unsupported(OF_PARTS)
        (result,) = reply.results
        if isinstance(result, TiebackError):
            moved = result.moved(at("contents", 0), at("inputs")).moved(
                at("second_texts", 0), at("inputs", 1)
            )
            raise here(moved) if isinstance(moved, InvalidInput) else moved
        predictions = [tei_pb2.Prediction(score=one.score, label=one.name) for one in result.labels]
        return tei_pb2.PredictResponse(
            predictions=predictions, metadata=metadata(sum(map(len, texts)), 0, reply.timing)
        )
