"""Heads: requests to fit one, what is told of one, and predictions."""

from __future__ import annotations

from tieback_contract.field_path import FieldPath, at
from tieback_contract.predictions import Prediction

from tieback.core.types.heads import Example, Head, HeadRequest, PredictReply
from tieback.serving.conversions.codec import CODEC
from tieback.serving.conversions.contents import read_content
from tieback.serving.conversions.frames import each
from tieback.serving.conversions.reports import fill_timing, read_method, write_method
from tieback.serving.conversions.results import add_results
from tieback.serving.conversions.times import timestamp
from tieback.serving.conversions.vectors import write_space
from tieback.v1 import classifier_pb2

_fill_prediction = CODEC.filler(Prediction, classifier_pb2.Prediction.DESCRIPTOR)


def head_request(message: classifier_pb2.FitHeadRequest) -> HeadRequest:
    """What a head is to be fitted on."""
    return HeadRequest(
        message.name,
        each(message.examples, _example, at("examples")),
        message.space,
        read_method(message.method, at("method")),
        each(message.memory, _example, at("memory")),
    )


def head_message(head: Head, *, classes: bool = True) -> classifier_pb2.Head:
    """A version of a head, with the names of its classes or without."""
    named = head.classes.items() if classes else ()
    return classifier_pb2.Head(
        name=head.name,
        version=head.version,
        create_time=timestamp(head.created),
        space=write_space(head.space),
        method=write_method(head.method),
        classes=[classifier_pb2.HeadClass(label=label, example_count=count) for label, count in named],
        class_count=len(head.classes),
        example_count=sum(head.classes.values()),
        memory_count=head.memory,
        accuracy=head.accuracy,
        artifact=head.artifact,
        versions=head.versions,
        stale=head.stale,
    )


def predict_response(reply: PredictReply) -> classifier_pb2.PredictResponse:
    """One result per content."""
    message = classifier_pb2.PredictResponse(version=reply.version)
    add_results(message, reply.results, lambda result, one: _fill_prediction(result.prediction, one))
    fill_timing(message.timing, reply.timing)
    return message


def _example(message: classifier_pb2.HeadExample, field: FieldPath) -> Example:
    return Example(read_content(message.content, field["content"], tokenised=False), message.label)
