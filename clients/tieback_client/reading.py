"""From messages of the contract to typed results. Tensors are views of the message's bytes."""

from __future__ import annotations

from typing import Any, TypeVar

from tieback.v1 import content_pb2, encoder_pb2, index_pb2, report_pb2, router_pb2, vector_pb2
from tieback_contract.collections import Snapshot, Source
from tieback_contract.encodings import Encoding
from tieback_contract.fusion import Fused
from tieback_contract.modality import Modality
from tieback_contract.recognition import RecognisedText, Segment
from tieback_contract.reports import Cost, Timing
from tieback_contract.vectors import SpaceRef

from tieback_client.codec import CODEC
from tieback_client.documents import Collection, Item, Section
from tieback_client.errors import TiebackError
from tieback_client.facts import facts
from tieback_client.reports import CallInfo
from tieback_client.status import from_status

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
segment = CODEC.reader(Segment, content_pb2.Segment.DESCRIPTOR)
# In the order of the contract, whose zero is "not given".
_MODALITIES: tuple[Modality | None, ...] = (None, *Modality)


def modality(number: int) -> Modality | None:
    """A modality; None if it is not given."""
    return value_of(_MODALITIES, number, None)


def error(status: Any, info: CallInfo) -> TiebackError:
    """Why one input or item failed, in a call that went well."""
    known = {**info.metadata, "x-request-id": info.request_id}
    return from_status(status, metadata=known)


def item(message: Any) -> Item:
    """A stored item: texts with their content, pictures and sounds without."""
    parts = [
        Section(
            content=one.content.text if one.content.WhichOneof("kind") == "text" else None,
            id=one.id,
            title=one.title,
            uri=one.uri,
            span=known_span(one),
            continues=one.continues,
            segments=[segment(part) for part in one.segments],
        )
        for one in message.sections
    ]
    return Item(message.id, parts, message.title, facts(message.metadata))


def known_span(message: Any) -> tuple[int, int] | None:
    """Bytes of the original that a text is; None where they are not known."""
    return (message.span.begin_byte, message.span.end_byte) if message.HasField("span") else None


def span(message: Any) -> tuple[int, int]:
    """Bytes of a text."""
    return (message.begin_byte, message.end_byte)


T = TypeVar("T")


def value_of(known: tuple[T, ...], number: int, otherwise: T) -> T:
    """The value of an enum's number; a number that a newer server made up is the fallback."""
    return known[number] if 0 <= number < len(known) else otherwise
