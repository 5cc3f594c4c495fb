"""Heads: requests to fit one, what is told of one, and predictions."""

from __future__ import annotations

from tieback_contract.heads import Head

from tieback.core.types.heads import HeadRequest
from tieback.serving.conversions.codec import reading, writing
from tieback.v1 import classifier_pb2

head_request = reading(HeadRequest, classifier_pb2.FitHeadRequest)
head_message = writing(Head, classifier_pb2.Head)
