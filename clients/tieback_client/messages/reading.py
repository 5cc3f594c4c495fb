"""From messages of the contract to typed results. Tensors are views of the message's bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tieback.v1 import classifier_pb2, content_pb2, encoder_pb2, index_pb2, report_pb2, router_pb2, vector_pb2
from tieback_contract.collections import Snapshot, Source
from tieback_contract.encodings import Encoding
from tieback_contract.fusion import Fused
from tieback_contract.heads import Classification, Head, Prediction
from tieback_contract.recognition import RecognisedText
from tieback_contract.reports import Cost, Timing
from tieback_contract.tensors import read_array
from tieback_contract.vectors import SpaceRef

from tieback_client.errors import TiebackError
from tieback_client.messages.facts import facts
from tieback_client.reports import CallInfo
from tieback_client.transport.codec import CODEC
from tieback_client.transport.status import from_status
from tieback_client.values.content import Audio, Content, Features, Image, Points, Text
from tieback_client.values.documents import Collection, Item, Section
from tieback_client.values.heads import Classifications, Predictions

MICROSECONDS = 1_000_000

space_ref = CODEC.reader(SpaceRef, vector_pb2.SpaceRef.DESCRIPTOR)
timing = CODEC.reader(Timing, report_pb2.Timing.DESCRIPTOR)
cost = CODEC.reader(Cost, report_pb2.Cost.DESCRIPTOR)
encoding = CODEC.reader(Encoding, encoder_pb2.Encoding.DESCRIPTOR)
fused = CODEC.reader(Fused, router_pb2.Fused.DESCRIPTOR)
recognised = CODEC.reader(RecognisedText, content_pb2.RecognisedText.DESCRIPTOR)
collection = CODEC.reader(Collection, index_pb2.Collection.DESCRIPTOR)
source = CODEC.reader(Source, index_pb2.Source.DESCRIPTOR)
snapshot = CODEC.reader(Snapshot, index_pb2.Snapshot.DESCRIPTOR)
_section = CODEC.reader(Section, content_pb2.Section.DESCRIPTOR)


def error(status: Any, info: CallInfo) -> TiebackError:
    """Why one input or item failed, in a call that went well."""
    known = {**info.metadata, "x-request-id": info.request_id}
    return from_status(status, metadata=known)


T = TypeVar("T")


def outcomes(messages: Any, read: Callable[[Any], T], info: CallInfo) -> list[T | TiebackError]:
    """Values that `read` makes of the results of a batch, and the errors of the others in their places."""
    found: list[T | TiebackError] = []
    for one in messages:
        name = one.WhichOneof("outcome")
        found.append(read(getattr(one, name)) if name not in ("error", None) else error(one.error, info))
    return found


def item(message: Any) -> Item:
    """A stored item: texts with their content, pictures and sounds without."""
    return Item(message.id, list(map(_section, message.sections)), message.title, facts(message.metadata))


def content(message: Any) -> Content:
    """A content of the kinds that items have."""
    match message.WhichOneof("kind"):
        case "image":
            return Image(message.image)
        case "audio":
            return Audio(message.audio)
        case "points":
            return Points(read_array(message.points.coordinates))
        case "features":
            return Features({name: list(one.values) for name, one in message.features.values.items()})
        case _:
            return Text(message.text)


head = CODEC.reader(Head, classifier_pb2.Head.DESCRIPTOR)
_prediction = CODEC.reader(Prediction, classifier_pb2.Prediction.DESCRIPTOR)


def predictions(message: Any, info: CallInfo) -> Predictions:
    """One outcome per content."""
    return Predictions(
        outcomes(message.results, _prediction, info), timing(message.timing), info, message.version
    )


_classification = CODEC.reader(Classification, classifier_pb2.Classification.DESCRIPTOR)


def classifications(message: Any, info: CallInfo) -> Classifications:
    """One outcome per text."""
    found = outcomes(message.results, _classification, info)
    return Classifications(found, timing(message.timing), info, message.problem)
