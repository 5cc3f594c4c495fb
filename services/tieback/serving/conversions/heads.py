"""Heads: requests to fit one, what is told of one, and predictions."""

from __future__ import annotations

from tieback_contract.field_path import ROOT, FieldPath, at
from tieback_contract.heads import Head

from tieback.core.types.content import Content
from tieback.core.types.heads import Example, HeadRequest
from tieback.serving.conversions.codec import CODEC, writing
from tieback.serving.conversions.contents import read_content
from tieback.serving.conversions.frames import each
from tieback.serving.conversions.reports import read_method
from tieback.v1 import classifier_pb2, content_pb2


def head_request(message: classifier_pb2.FitHeadRequest) -> HeadRequest:
    """What a head is to be fitted on."""
    return HeadRequest(
        message.name,
        each(message.examples, _example, at("examples")),
        message.space,
        read_method(message.method, at("method")),
        each(message.memory, _example, at("memory")),
    )


head_message = writing(Head, classifier_pb2.Head)
CODEC.converter(
    "tieback.v1.PredictRequest.contents",
    lambda message: read_content(message, ROOT, tokenised=False),
    CODEC.filler(Content, content_pb2.Content.DESCRIPTOR),
)


def _example(message: classifier_pb2.HeadExample, field: FieldPath) -> Example:
    return Example(read_content(message.content, field["content"], tokenised=False), message.label)
