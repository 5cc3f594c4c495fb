"""From messages of the contract to typed results. Tensors are views of the message's bytes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from typing import Any, TypeVar

import numpy as np

from tieback_client.applied import AppliedAdapter, Reduction
from tieback_client.content import Modality
from tieback_client.documents import Collection, Item, Section, Source
from tieback_client.errors import TiebackError
from tieback_client.facts import facts
from tieback_client.moves import Moving
from tieback_client.reading_query_plan import query_plan
from tieback_client.reading_token_vectors import token_vectors
from tieback_client.recognition import Segment, SegmentKind
from tieback_client.reports import CallInfo, Cost, Dropped, DroppedSection, Stage, Timing, Truncated
from tieback_client.results import (
    Encoding,
    EncodingSource,
    Fused,
    IgnoredDimensions,
    Label,
    RoutingExplanation,
)
from tieback_client.status import from_status
from tieback_client.vectors import (
    Array,
    Box,
    DType,
    Locator,
    LocatorKind,
    Locators,
    MultiVector,
    SpaceRef,
    SparseVector,
    Vector,
)

MICROSECONDS = 1_000_000
# In the order of the contract's enums, whose zero is "not given".
_DTYPES = (DType.FLOAT32, DType.FLOAT32, DType.FLOAT16, DType.INT8, DType.BINARY)
_NUMPY: dict[DType, np.dtype[Any]] = {
    DType.FLOAT32: np.dtype("<f4"),
    DType.FLOAT16: np.dtype("<f2"),
    DType.INT8: np.dtype("i1"),
    DType.BINARY: np.dtype("u1"),
}
_SOURCES = (EncodingSource.COMPUTED, *EncodingSource)
_MODALITIES = (None, Modality.TEXT, Modality.IMAGE, Modality.AUDIO, Modality.POINTS, Modality.FEATURES)


def array(tensor: Any) -> Array:
    """A tensor as an array, without a copy and read-only; BINARY stays packed, eight to a byte."""
    values = np.frombuffer(tensor.data, elements(tensor))
    shape = tuple(tensor.shape)
    if len(shape) == 1:
        return values
    if dtype(tensor) is DType.BINARY and shape:
        shape = (*shape[:-1], shape[-1] // 8)
    return values.reshape(shape)


def dtype(tensor: Any) -> DType:
    """A tensor's element type."""
    return value_of(_DTYPES, tensor.dtype, DType.FLOAT32)


def elements(tensor: Any) -> np.dtype[Any]:
    """The elements of a tensor's bytes."""
    return _NUMPY[dtype(tensor)]


def vector(message: Any) -> Vector:
    """A vector with its space."""
    return Vector(
        values=array(message.values),
        space=space_ref(message.space),
        dtype=dtype(message.values),
        scale=message.scale,
        normalized=message.normalized,
    )


def space_ref(message: Any) -> SpaceRef:
    """A space's exact name."""
    return SpaceRef(message.name, message.revision, message.fingerprint)


def modality(number: int) -> Modality | None:
    """A modality; None if it is not given."""
    return value_of(_MODALITIES, number, None)


def error(status: Any, info: CallInfo) -> TiebackError:
    """Why one input or item failed, in a call that went well."""
    known = {**info.metadata, "x-request-id": info.request_id}
    return from_status(status, metadata=known)


def encoding(message: Any) -> Encoding:
    """What a model computed for one input."""
    return Encoding(
        space=space_ref(message.space),
        modality=modality(message.modality),
        vector=vector(message.dense) if message.HasField("dense") else None,
        multi_vector=multi_vector(message.multi_vector) if message.HasField("multi_vector") else None,
        labels=labels(message.labels),
        token_count=message.token_count,
        truncated_tokens=message.truncated_tokens,
        source=value_of(_SOURCES, message.source, EncodingSource.COMPUTED),
        sparse=sparse(message.sparse) if message.HasField("sparse") else None,
        reduction=(
            Reduction(message.reduction.method, message.reduction.ratio)
            if message.HasField("reduction")
            else None
        ),
        layer=message.layer or None,
        adapter=(
            AppliedAdapter(message.adapter.name, message.adapter.sha256, dict(message.adapter.weights))
            if message.HasField("adapter")
            else None
        ),
    )


def sparse(message: Any) -> SparseVector:
    """A sparse vector with its space."""
    return SparseVector(
        indices=np.array(message.indices, np.int32),
        weights=array(message.weights),
        space=space_ref(message.space),
        terms=list(message.terms),
    )


def multi_vector(message: Any) -> MultiVector:
    """A multi-vector with its locators."""
    name = message.WhichOneof("locators") or "byte_spans"
    lists = getattr(message, name)
    columns = [list(getattr(lists, one.name)) for one in lists.DESCRIPTOR.fields]
    locators: Locators = getattr(Locators, name)(np.array(columns).T)
    return MultiVector(array(message.values), space_ref(message.space), locators)


def locator(message: Any) -> Locator:
    """A part of a content."""
    name = message.WhichOneof("place") or LocatorKind.BYTE_SPAN
    place = getattr(message, name)
    return Locator(LocatorKind(name), tuple(getattr(place, one.name) for one in place.DESCRIPTOR.fields))


def labels(messages: Iterable[Any]) -> list[Label]:
    """Classes, as they came."""
    return [Label(one.name, one.index, one.probability) for one in messages]


def fused(message: Any) -> Fused:
    """A joint vector with its explanation."""
    return Fused(
        vector=vector(message.vector),
        routing=routing(message.routing),
        labels=labels(message.labels),
        regions=multi_vector(message.regions) if message.HasField("regions") else None,
        ignored=[
            IgnoredDimensions(known, one.begin, one.end)
            for one in message.ignored
            if (known := modality(one.modality))
        ],
    )


def box(message: Any) -> Box:
    """A place in a picture."""
    return Box(message.x, message.y, message.width, message.height)


def routing(message: Any) -> RoutingExplanation:
    """Which spaces were used."""
    return RoutingExplanation(
        policy=message.policy,
        weights={one.space: one.weight for one in message.weights},
        entropy=message.entropy,
        missing=list(message.missing),
        degraded=message.degraded,
        projections=list(message.projections),
        reasons=dict(message.missing_reasons),
        expected_recall_loss=message.expected_recall_loss,
        binding=message.binding,
        modality=message.modality,
        fallback=message.fallback,
        imputed=dict(message.imputed),
    )


def timing(message: Any) -> Timing:
    """Microseconds as seconds."""
    return Timing(
        queue=message.queue_us / MICROSECONDS,
        prepare=message.prepare_us / MICROSECONDS,
        compute=message.compute_us / MICROSECONDS,
        total=message.total_us / MICROSECONDS,
        stages=[_stage(one) for one in message.stages],
    )


def _stage(message: Any) -> Stage:
    return Stage(
        message.name,
        message.begin_us / MICROSECONDS,
        message.duration_us / MICROSECONDS,
        message.within,
        message.queue_us / MICROSECONDS,
        message.compute_us / MICROSECONDS,
        message.candidates_in,
        message.candidates_out,
        [
            Dropped(
                one.reason,
                one.count,
                [DroppedSection(left.item_id, left.section_id, left.score) for left in one.best],
            )
            for one in message.dropped
        ],
        message.structure,
    )


def cost(message: Any) -> Cost:
    """What a call cost."""
    return Cost(
        message.batch_size,
        message.tokens,
        message.padding_tokens,
        message.cached_items,
        message.shared_items,
    )


def truncated(messages: Any) -> dict[str, Truncated]:
    """What was not read, by space."""
    return {one.space: Truncated(one.sections, one.tokens, one.window) for one in messages}


def collection(message: Any) -> Collection:
    """A collection as it stands."""
    made = message.create_time.ToDatetime(UTC) if message.HasField("create_time") else None
    return Collection(
        name=message.name,
        space=space_ref(message.space),
        width=message.width,
        item_count=message.item_count,
        section_count=message.section_count,
        created=made,
        policy=message.routing.policy,
        weights=dict(message.routing.weights),
        imputation=message.routing.imputation.name,
        vector_count=message.vector_count,
        sources=[source(one) for one in message.sources],
        damage=message.damage,
        stale=message.stale,
        codec=message.codec.name,
        resident_bytes=message.resident_bytes,
        codec_trained_on=message.codec_trained_on,
        token_vectors=token_vectors(message.token_vectors) if message.HasField("token_vectors") else None,
        plan=query_plan(message.plan),
        moving=_moving(message.moving) if message.HasField("moving") else None,
    )


def _moving(message: Any) -> Moving:
    return Moving(
        space=space_ref(message.space),
        width=message.width,
        done=message.done,
        total=message.total,
        paused=message.paused,
        translation=message.translation,
        trust=message.trust,
        translates_stored=message.translates_stored,
    )


def source(message: Any) -> Source:
    """A source as it stands."""
    indexed = message.index_time.ToDatetime(UTC) if message.HasField("index_time") else None
    return Source(message.name, message.host, message.location, message.item_count, indexed)


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
            segments=segments(one.segments),
        )
        for one in message.sections
    ]
    return Item(message.id, parts, message.title, facts(message.metadata))


def segments(messages: Iterable[Any]) -> list[Segment]:
    """Parts of a text with their places."""
    return [
        Segment(
            span(one.span), locator(one.place), one.score, value_of(_SEGMENTS, one.kind, SegmentKind.WORDS)
        )
        for one in messages
    ]


def known_span(message: Any) -> tuple[int, int] | None:
    """Bytes of the original that a text is; None where they are not known."""
    return (message.span.begin_byte, message.span.end_byte) if message.HasField("span") else None


def span(message: Any) -> tuple[int, int]:
    """Bytes of a text."""
    return (message.begin_byte, message.end_byte)


T = TypeVar("T")
_SEGMENTS = (SegmentKind.WORDS, *SegmentKind)  # in the order of the contract, whose zero is "not said"


def value_of(known: tuple[T, ...], number: int, otherwise: T) -> T:
    """The value of an enum's number; a number that a newer server made up is the fallback."""
    return known[number] if 0 <= number < len(known) else otherwise
