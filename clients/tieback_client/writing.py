"""From values to messages of the contract. `InvalidArgument` names the field before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.struct_pb2 import Struct
from tieback.v1 import (
    answer_pb2,
    content_pb2,
    encoder_pb2,
    index_pb2,
    report_pb2,
    router_pb2,
    vector_pb2,
)
from tieback_contract.arrays import Array, Box
from tieback_contract.encodings import Encoding, Label
from tieback_contract.field_path import FieldPath, at
from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.locators import Locator, Locators
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.tensors import DTYPE_NUMBERS, ELEMENTS, LISTS, fill_array
from tieback_contract.vectors import DType, MultiVector, SpaceRef, SparseVector, Vector

from tieback_client.codec import CODEC
from tieback_client.content import (
    Audio,
    Content,
    ContentLike,
    Features,
    Image,
    Points,
    Text,
    TokenIds,
    content_of,
)
from tieback_client.errors import InvalidArgument
from tieback_client.events import MethodLike, Weights
from tieback_client.texts import text as text

MODALITIES = {
    Modality.TEXT: content_pb2.MODALITY_TEXT,
    Modality.IMAGE: content_pb2.MODALITY_IMAGE,
    Modality.AUDIO: content_pb2.MODALITY_AUDIO,
    Modality.POINTS: content_pb2.MODALITY_POINTS,
    Modality.FEATURES: content_pb2.MODALITY_FEATURES,
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

OUTPUT = at("output")


space_ref = CODEC.writer(SpaceRef, vector_pb2.SpaceRef)
box = CODEC.writer(Box, vector_pb2.Box)
_label = CODEC.writer(Label, content_pb2.Label)
_ignored = CODEC.writer(IgnoredDimensions, router_pb2.IgnoredDimensions)
_vector = CODEC.writer(Vector, vector_pb2.Vector)
_multi_vector = CODEC.writer(MultiVector, vector_pb2.MultiVector)
_sparse = CODEC.writer(SparseVector, vector_pb2.SparseVector)
_locator = CODEC.writer(Locator, vector_pb2.Locator)


def _checked(values: Array, dtype: DType, field: FieldPath) -> Array:
    """An array of that element type, of finite numbers."""
    wanted = ELEMENTS[dtype]
    if values.dtype != wanted and not (dtype is DType.FLOAT32 and np.issubdtype(values.dtype, np.number)):
        raise InvalidArgument.at(field, f"{dtype} values come as an array of {wanted}, not {values.dtype}")
    values = np.ascontiguousarray(values, dtype=wanted)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InvalidArgument.at(field, "it holds a value that is not finite (NaN or infinite)")
    return values


def vector(value: Vector, field: FieldPath) -> vector_pb2.Vector:
    """A vector with its space."""
    if not isinstance(value, Vector):
        raise InvalidArgument.at(
            field, "a vector carries its space: pass Vector(array, space=client.space(name).ref)"
        )
    if value.values.ndim != 1:
        raise InvalidArgument.at(field, f"a vector has one axis, and this array has {value.values.ndim}")
    dtype = DType(value.dtype)
    values = _checked(value.values, dtype, field["values"])
    made: vector_pb2.Vector = _vector(Vector(values, value.space, dtype, value.scale, value.normalized))
    return made


def multi_vector(value: MultiVector, field: FieldPath) -> vector_pb2.MultiVector:
    """A multi-vector with its locators."""
    dtype = DType.FLOAT16 if value.values.dtype == np.float16 else DType.FLOAT32
    values = _checked(value.values, dtype, field["values"])
    kind, places = value.locators.kind, np.asarray(value.locators.places)
    columns = Locators.columns(kind)
    if places.ndim != 2 or places.shape[1] != columns or not (places >= 0).all():
        raise InvalidArgument.at(
            field[LISTS[kind]], f"a {kind} is {columns} numbers of 0 or more for each row"
        )
    made: vector_pb2.MultiVector = _multi_vector(MultiVector(values, value.space, Locators(kind, places)))
    return made


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
                wrong = f"points have the shape [n, 3], not {list(value.coordinates.shape)}"
                raise InvalidArgument.at(field["points"], wrong)
            message = content_pb2.Content()
            place = field["points"]["coordinates"]
            fill_array(message.points.coordinates, _checked(value.coordinates, DType.FLOAT32, place))
            return message
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
        labels=[_label(one) for one in value.labels],
        token_count=value.token_count,
        truncated_tokens=value.truncated_tokens,
        sparse=sparse(value.sparse, field["sparse"]) if value.sparse is not None else None,
    )


def ignored(values: Iterable[IgnoredDimensions]) -> list[router_pb2.IgnoredDimensions]:
    """What does not count of a query's vector."""
    return [_ignored(one) for one in values]


def sparse(value: SparseVector, field: FieldPath) -> vector_pb2.SparseVector:
    """A sparse vector with its space."""
    weights = _checked(value.weights, DType.FLOAT32, field["weights"])
    made: vector_pb2.SparseVector = _sparse(SparseVector(value.indices, weights, value.space, value.terms))
    return made


def locator(value: Locator, field: FieldPath) -> vector_pb2.Locator:
    """A part of a content. `InvalidArgument` where it has not as many numbers as its kind."""
    columns = Locators.columns(value.kind)
    if columns != len(value.place):
        raise InvalidArgument.at(field, f"a {value.kind} has {columns} numbers, not {len(value.place)}")
    made: vector_pb2.Locator = _locator(value)
    return made


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
    spec = vector_pb2.OutputSpec(
        width=width or 0,
        kinds=[KINDS[one] for one in kinds],
        batch_invariant=batch_invariant,
        terms=terms,
        layer=layer or 0,
        earliest_layer=earliest_layer or 0,
        condition=text(condition, "output.condition"),
        adapter=text(adapter, "output.adapter"),
        reduction=reduction(token_reduction, field["reduction"]),
    )
    spec.dtype = DTYPE_NUMBERS[kind]  # type: ignore[assignment]  # a number of the enum
    return spec


def reduction(value: MethodLike | None, field: FieldPath) -> vector_pb2.Reduction | None:
    """How tokens are merged: a method by name, or by name and its ratio."""
    if value is None:
        return None
    choice = MethodChoice.of(value)
    name, parameters = choice.name, choice.parameters
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
    choice = MethodChoice.of(value)
    return report_pb2.Method(name=choice.name, parameters=struct(choice.parameters, field["parameters"]))


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
