"""From messages of the contract to heads and predictions."""

from __future__ import annotations

from typing import Any

from tieback.v1 import classifier_pb2
from tieback_contract.heads import Head
from tieback_contract.predictions import Prediction

from tieback_client import reading
from tieback_client.codec import CODEC
from tieback_client.heads import Predictions
from tieback_client.reports import CallInfo

head = CODEC.reader(Head, classifier_pb2.Head.DESCRIPTOR)
_prediction = CODEC.reader(Prediction, classifier_pb2.Prediction.DESCRIPTOR)


def predictions(message: Any, info: CallInfo) -> Predictions:
    """One outcome per content."""
    return Predictions(
        reading.outcomes(message.results, _prediction, info),
        message.version,
        reading.timing(message.timing),
        info,
    )
