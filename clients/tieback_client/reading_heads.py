"""From messages of the contract to heads and predictions."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from google.protobuf.json_format import MessageToDict
from tieback.v1 import classifier_pb2
from tieback_contract.predictions import Prediction

from tieback_client import reading
from tieback_client.codec import CODEC
from tieback_client.heads import Head, Predictions
from tieback_client.reports import CallInfo

_prediction = CODEC.reader(Prediction, classifier_pb2.Prediction.DESCRIPTOR)


def head(message: Any) -> Head:
    """A version of a head."""
    return Head(
        name=message.name,
        version=message.version,
        space=reading.space_ref(message.space),
        method=message.method.name,
        parameters=MessageToDict(message.method.parameters),
        class_count=message.class_count,
        example_count=message.example_count,
        memory_count=message.memory_count,
        accuracy=message.accuracy,
        artifact=message.artifact,
        created=message.create_time.ToDatetime(UTC) if message.HasField("create_time") else None,
        classes={one.label: one.example_count for one in message.classes},
        versions=list(message.versions),
        stale=message.stale,
    )


def predictions(message: Any, info: CallInfo) -> Predictions:
    """One outcome per content."""
    return Predictions(
        [
            _prediction(one.prediction)
            if one.WhichOneof("outcome") == "prediction"
            else reading.error(one.error, info)
            for one in message.results
        ],
        message.version,
        reading.timing(message.timing),
        info,
    )
