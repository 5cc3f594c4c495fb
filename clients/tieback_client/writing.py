"""From values to messages of the contract. `InvalidArgument` names the field before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.struct_pb2 import Struct
from tieback.core.field_path import FieldPath, at
from tieback.v1 import (
    answer_pb2,
    content_pb2,
    encoder_pb2,
    index_pb2,
    report_pb2,
    router_pb2,
    vector_pb2,
)

from tieback_client.content import (
    Audio,
    Content,
    ContentLike,
    Features,
    Image,
    Modality,
    Points,
    Text,
    TokenIds,
    content_of,
)
from tieback_client.errors import InvalidArgument
from tieback_client.events import MethodLike, Weights
from tieback_client.results import Encoding, IgnoredDimensions, Label
from tieback_client.texts import text as text
from tieback_client.vectors import (
    Array,
    Box,
    DType,
    Locator,
    LocatorKind,
    MultiVector,
    SpaceRef,
    SparseVector,
    Vector,
)

MODALITIES = {
    Modality.TEXT: content_pb2.MODALITY_TEXT,
    Modality.IMAGE: content_pb2.MODALITY_IMAGE,
    Modality.AUDIO: content_pb2.MODALITY_AUDIO,
    Modality.POINTS: content_pb2.MODALITY_POINTS,
    Modality.FEATURES: content_pb2.MODALITY_FEATURES,
}
DTYPES = {
    DType.FLOAT32: vector_pb2.DATA_TYPE_FLOAT32,
    DType.FLOAT16: vector_pb2.DATA_TYPE_FLOAT16,
    DType.INT8: vector_pb2.DATA_TYPE_INT8,
    DType.BINARY: vector_pb2.DATA_TYPE_BINARY,
}
CachePolicy: TypeAlias = Literal["use", "bypass"]
CACHE_POLICIES = {"use": encoder_pb2.CACHE_POLICY_USE, "bypass": encoder_pb2.CACHE_POLICY_BYPASS}
LongTexts: TypeAlias = Literal["split", "truncate", "refuse"]
LONG_TEXTS = {
    "split": answer_pb2.LONG_TEXTS_SPLIT,
    "truncate": answer_pb2.LONG_TEXTS_TRUNCATE,
    "refuse": answer_pb2.LONG_TEXTS_REFUSE,
}
Granularity: TypeAlias = Literal["section", "document"]
GRANULARITIES = {
    "section": index_pb2.GRANULARITY_SECTION,
    "document": index_pb2.GRANULARITY_DOCUMENT,
}
KINDS = {
    "dense": vector_pb2.VECTOR_KIND_DENSE,
    "multi_vector": vector_pb2.VECTOR_KIND_MULTI_VECTOR,
    "labels": vector_pb2.VECTOR_KIND_LABELS,
    "sparse": vector_pb2.VECTOR_KIND_SPARSE,
}

LISTS = {
    LocatorKind.BYTE_SPAN: "byte_spans",
    LocatorKind.BOX: "boxes",
    LocatorKind.TIME_RANGE: "time_ranges",
}


OUTPUT = at("output")


def tensor(values: Array, dtype: DType, field: FieldPath) -> vector_pb2.Tensor:
    """An array as bytes, type and shape."""
    types: dict[DType, np.dtype[Any]] = {
        DType.FLOAT32: np.dtype("<f4"),
        DType.FLOAT16: np.dtype("<f2"),
        DType.INT8: np.dtype(np.int8),
        DType.BINARY: np.dtype(np.uint8),
    }
    wanted = types[dtype]
    if values.dtype != wanted and not (dtype is DType.FLOAT32 and np.issubdtype(values.dtype, np.number)):
        raise InvalidArgument.at(field, f"{dtype} values come as an array of {wanted}, not {values.dtype}")
    values = np.ascontiguousarray(values, dtype=wanted)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InvalidArgument.at(field, "it holds a value that is not finite (NaN or infinite)")
    shape = list(values.shape)
    if dtype is DType.BINARY:
        shape[-1] *= 8
    return vector_pb2.Tensor(dtype=DTYPES[dtype], shape=shape, data=values.tobytes())


def vector(value: Vector, field: FieldPath) -> vector_pb2.Vector:
    """A vector with its space."""
    if not isinstance(value, Vector):
        raise InvalidArgument.at(
            field, "a vector carries its space: pass Vector(array, space=client.space(name).ref)"
        )
    if value.values.ndim != 1:
        raise InvalidArgument.at(field, f"a vector has one axis, and this array has {value.values.ndim}")
    return vector_pb2.Vector(
        space=space_ref(value.space),
        values=tensor(value.values, value.dtype, field["values"]),
        normalized=value.normalized,
        scale=value.scale,
    )


def space_ref(ref: SpaceRef) -> vector_pb2.SpaceRef:
    """A space's exact name."""
    return vector_pb2.SpaceRef(name=ref.name, revision=ref.revision, fingerprint=ref.fingerprint)


def multi_vector(value: MultiVector, field: FieldPath) -> vector_pb2.MultiVector:
    """A multi-vector with its locators."""
    dtype = DType.FLOAT16 if value.values.dtype == np.float16 else DType.FLOAT32
    message = vector_pb2.MultiVector(
        space=space_ref(value.space), values=tensor(value.values, dtype, field["values"])
    )
    name = LISTS[value.locators.kind]
    lists = getattr(message, name)
    lists.SetInParent()
    places = np.asarray(value.locators.places)
    if places.ndim != 2 or places.shape[1] != len(lists.DESCRIPTOR.fields) or not (places >= 0).all():
        raise InvalidArgument.at(
            field[name],
            f"a {value.locators.kind} is {len(lists.DESCRIPTOR.fields)} numbers of 0 or more for each row",
        )
    for one, column in zip(lists.DESCRIPTOR.fields, places.T.tolist(), strict=True):
        getattr(lists, one.name).extend(column)
    return message


def content(value: ContentLike, field: FieldPath) -> content_pb2.Content:
    """One piece of input, plain values included."""
    if isinstance(value, str):
        return content_pb2.Content(text=text(value, field["text"]))
    return _content(content_of(value, field), field)


def _content(value: Content, field: FieldPath) -> content_pb2.Content:
    match value:
        case Text():
            return content_pb2.Content(text=text(value.text, field["text"]))
        case Image():
            return content_pb2.Content(image=_bytes(value.data, field["image"]))
        case Audio():
            return content_pb2.Content(audio=_bytes(value.data, field["audio"]))
        case Points():
            if value.coordinates.ndim != 2 or value.coordinates.shape[1] != 3:
                message = f"points have the shape [n, 3], not {list(value.coordinates.shape)}"
                raise InvalidArgument.at(field["points"], message)
            coordinates = tensor(value.coordinates, DType.FLOAT32, field["points"]["coordinates"])
            return content_pb2.Content(points=content_pb2.PointCloud(coordinates=coordinates))
        case Features():
            return content_pb2.Content(features=_features(value, field["features"]["values"]))
        case TokenIds():
            return content_pb2.Content(token_ids=_token_ids(value, field["token_ids"]["ids"]))
        case Vector():
            return content_pb2.Content(vector=vector(value, field["vector"]))


def encoding(value: Encoding, field: FieldPath) -> encoder_pb2.Encoding:
    """An encoding to be fused."""
    return encoder_pb2.Encoding(
        space=space_ref(value.space),
        modality=MODALITIES[value.modality] if value.modality else content_pb2.MODALITY_UNSPECIFIED,
        dense=vector(value.vector, field["dense"]) if value.vector is not None else None,
        multi_vector=multi_vector(value.multi_vector, field["multi_vector"])
        if value.multi_vector is not None
        else None,
        labels=[label(one) for one in value.labels],
        token_count=value.token_count,
        truncated_tokens=value.truncated_tokens,
        sparse=sparse(value.sparse, field["sparse"]) if value.sparse is not None else None,
    )


def ignored(values: Iterable[IgnoredDimensions]) -> list[router_pb2.IgnoredDimensions]:
    """What does not count of a query's vector."""
    return [
        router_pb2.IgnoredDimensions(modality=MODALITIES[one.modality], begin=one.begin, end=one.end)
        for one in values
    ]


def sparse(value: SparseVector, field: FieldPath) -> vector_pb2.SparseVector:
    """A sparse vector with its space."""
    return vector_pb2.SparseVector(
        space=space_ref(value.space),
        indices=value.indices.tolist(),
        weights=tensor(value.weights, DType.FLOAT32, field["weights"]),
        terms=value.terms,
    )


def box(value: Box) -> vector_pb2.Box:
    """A place in a picture."""
    return vector_pb2.Box(x=value.x, y=value.y, width=value.width, height=value.height)


def locator(value: Locator, field: FieldPath) -> vector_pb2.Locator:
    """A part of a content. `InvalidArgument` where it has not as many numbers as its kind."""
    message = vector_pb2.Locator()
    place = getattr(message, value.kind)
    fields = place.DESCRIPTOR.fields
    if len(fields) != len(value.place):
        raise InvalidArgument.at(field, f"a {value.kind} has {len(fields)} numbers, not {len(value.place)}")
    place.SetInParent()
    for one, number in zip(fields, value.place, strict=True):
        setattr(place, one.name, number)
    return message


def label(value: Label) -> content_pb2.Label:
    """A class with its probability."""
    return content_pb2.Label(name=value.name, index=value.index, probability=value.probability)


def cache(policy: CachePolicy) -> encoder_pb2.CachePolicy:
    """Whether cached vectors may answer."""
    if policy not in CACHE_POLICIES:
        message = f"no cache policy is named {policy!r}; the choices are: {', '.join(CACHE_POLICIES)}"
        raise InvalidArgument.at("cache", message)
    return CACHE_POLICIES[policy]


def long_texts(choice: LongTexts) -> answer_pb2.LongTexts:
    """What ingestion does with texts that are longer than a space reads."""
    if choice not in LONG_TEXTS:
        message = f"there is no {choice!r} for long texts; the choices are: {', '.join(LONG_TEXTS)}"
        raise InvalidArgument.at("long_texts", message)
    return LONG_TEXTS[choice]


def granularity(choice: Granularity | None) -> index_pb2.Granularity:
    """What a search ranks; the server's default where it is None."""
    if choice is None:
        return index_pb2.GRANULARITY_UNSPECIFIED
    if choice not in GRANULARITIES:
        message = f"there is no granularity {choice!r}; the choices are: {', '.join(GRANULARITIES)}"
        raise InvalidArgument.at("granularity", message)
    return GRANULARITIES[choice]


def truncation(truncate: bool) -> encoder_pb2.Truncation:
    """What to do with inputs that are too long."""
    return encoder_pb2.TRUNCATION_END if truncate else encoder_pb2.TRUNCATION_REFUSE


def output(
    width: int | None,
    dtype: DType | str,
    kinds: Sequence[str],
    *,
    batch_invariant: bool = False,
    terms: bool = False,
    layer: int | None = None,
    earliest_layer: int | None = None,
    condition: str = "",
    adapter: str = "",
    token_reduction: MethodLike | None = None,
    field: FieldPath = OUTPUT,
) -> vector_pb2.OutputSpec:
    """The shape of the output."""
    try:
        kind = DType(dtype)
    except ValueError:
        choices = ", ".join(DType)
        raise InvalidArgument.at(
            field["dtype"], f"no dtype is named {dtype!r}; the choices are: {choices}"
        ) from None
    unknown = [one for one in kinds if one not in KINDS]
    if unknown:
        message = f"no kind is named {unknown[0]!r}; the choices are: {', '.join(KINDS)}"
        raise InvalidArgument.at(field["kinds"], message)
    if width is not None and width < 1:
        raise InvalidArgument.at(field["width"], f"a width is at least 1, not {width}")
    for name, number in (("layer", layer), ("earliest_layer", earliest_layer)):
        if number is not None and number < 1:
            raise InvalidArgument.at(field[name], f"layers are counted from 1, and {number} is none")
    return vector_pb2.OutputSpec(
        width=width or 0,
        dtype=DTYPES[kind],
        kinds=[KINDS[one] for one in kinds],
        batch_invariant=batch_invariant,
        terms=terms,
        layer=layer or 0,
        earliest_layer=earliest_layer or 0,
        condition=text(condition, "output.condition"),
        adapter=text(adapter, "output.adapter"),
        reduction=reduction(token_reduction, field["reduction"]),
    )


def reduction(value: MethodLike | None, field: FieldPath) -> vector_pb2.Reduction | None:
    """How tokens are merged: a method by name, or by name and its ratio."""
    if value is None:
        return None
    name, parameters = (value, {}) if isinstance(value, str) else value
    ratio = parameters.get("ratio", 0.0)
    unknown = [key for key in parameters if key != "ratio"]
    if unknown or not isinstance(ratio, int | float):
        message = f"a token reduction is a name, or a name and a ratio: ({name!r}, {{'ratio': 0.8}})"
        raise InvalidArgument.at(field, message)
    return vector_pb2.Reduction(method=name, ratio=ratio)


def method(value: MethodLike | None, field: FieldPath) -> report_pb2.Method | None:
    """A method by name, or by name and parameters."""
    if value is None:
        return None
    name, parameters = (value, {}) if isinstance(value, str) else value
    return report_pb2.Method(name=name, parameters=struct(parameters, field["parameters"]))


def struct(values: Mapping[str, Any], field: FieldPath) -> Struct | None:
    """A mapping as a JSON object; None for an empty one."""
    if not values:
        return None
    for key, value in values.items():
        if isinstance(value, str):
            text(value, field[key])
    try:
        return ParseDict(dict(values), Struct())
    except (ParseError, TypeError, ValueError):
        message = "values are strings, numbers, booleans, and lists or mappings of those"
        raise InvalidArgument.at(field, message) from None


def routing(weights: Weights | None, imputation: MethodLike | None = None) -> router_pb2.Routing | None:
    """Weights per space, or a policy, and how lost spaces are imputed; the server's default for None."""
    if weights is None and imputation is None:
        return None
    imputed = method(imputation, at("imputation"))
    if isinstance(weights, Mapping):
        return router_pb2.Routing(policy="explicit", weights=weights, imputation=imputed)
    chosen = method(weights, at("weights")) or report_pb2.Method()
    return router_pb2.Routing(
        policy=chosen.name,
        parameters=chosen.parameters if chosen.HasField("parameters") else None,
        imputation=imputed,
    )


def _token_ids(value: TokenIds, field: FieldPath) -> content_pb2.TokenIds:
    ids = np.asarray(value.ids)
    if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
        raise InvalidArgument.at(field, "token numbers are a list of whole numbers")
    if ids.size and (ids.min() < 0 or ids.max() >= 2**32):
        raise InvalidArgument.at(field, "a token number is 0 or more, and below 2^32")
    return content_pb2.TokenIds(ids=ids.tolist())


def _features(value: Features, field: FieldPath) -> content_pb2.Features:
    message = content_pb2.Features()
    for name, given in value.values.items():
        path = field.key(str(name))
        values = [given] if isinstance(given, str) else given
        if not isinstance(values, Iterable) or not all(isinstance(one, str) for one in values):
            raise InvalidArgument.at(path, "a feature has a str, or several; write other values as text")
        own = [text(one, path) for one in values]
        message.values[text(name, field)].values.extend(own)
    return message


def _bytes(data: bytes, field: FieldPath) -> bytes:
    """Empty ones too: the server refuses them by their place, and the others of a batch are encoded."""
    if not isinstance(data, bytes):
        raise InvalidArgument.at(field, f"it takes bytes, not {type(data).__name__}; from_file reads a file")
    return data
