"""Heads: requests to fit one, what is told of one, and predictions."""

from __future__ import annotations

from tieback_contract.field_path import FieldPath, at

from tieback.core.types.heads import Example, Head, HeadRequest, PredictReply
from tieback.serving.conversions.codec import writing
from tieback.serving.conversions.contents import read_content
from tieback.serving.conversions.frames import each
from tieback.serving.conversions.reports import read_method, write_method
from tieback.serving.conversions.times import timestamp
from tieback.serving.conversions.vectors import write_space
from tieback.v1 import classifier_pb2


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


predict_response = writing(PredictReply, classifier_pb2.PredictResponse)


def _example(message: classifier_pb2.HeadExample, field: FieldPath) -> Example:
    return Example(read_content(message.content, field["content"], tokenised=False), message.label)
