"""From values to messages of the contract. `InvalidArgument` names the field before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

import numpy as np
from tieback.v1 import (
    answer_pb2,
    content_pb2,
    encoder_pb2,
    query_pb2,
    report_pb2,
    router_pb2,
    vector_pb2,
)
from tieback_contract.field_path import FieldPath, at
from tieback_contract.fusion import FusePart, IgnoredDimensions
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.query import NO_OPTIONS, Granularity, QueryKeywords, QueryOptions
from tieback_contract.tensors import DTYPE_NUMBERS, fill_array
from tieback_contract.vectors import DType, MultiVector, SpaceRef, Vector

from tieback_client.errors import InvalidArgument
from tieback_client.transport.codec import CODEC, checked_array, writing
from tieback_client.values.content import (
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
from tieback_client.values.content import text as text
from tieback_client.values.events import MethodLike, Weights

MODALITIES = CODEC.numbers(Modality, content_pb2.Modality.DESCRIPTOR)
CachePolicy: TypeAlias = Literal["use", "bypass"]
CACHE_POLICIES = {"use": encoder_pb2.CACHE_POLICY_USE, "bypass": encoder_pb2.CACHE_POLICY_BYPASS}
LongTexts: TypeAlias = Literal["split", "truncate", "refuse"]
LONG_TEXTS = {
    "split": answer_pb2.LONG_TEXTS_SPLIT,
    "truncate": answer_pb2.LONG_TEXTS_TRUNCATE,
    "refuse": answer_pb2.LONG_TEXTS_REFUSE,
}
KINDS = {
    "dense": vector_pb2.VECTOR_KIND_DENSE,
    "multi_vector": vector_pb2.VECTOR_KIND_MULTI_VECTOR,
    "labels": vector_pb2.VECTOR_KIND_LABELS,
    "sparse": vector_pb2.VECTOR_KIND_SPARSE,
}

OUTPUT, OPTIONS = at("output"), at("options")


space_ref = writing(SpaceRef, vector_pb2.SpaceRef)
vector = writing(Vector, vector_pb2.Vector)
multi_vector = writing(MultiVector, vector_pb2.MultiVector)
fuse_part = writing(FusePart, router_pb2.FusePart)
_ignored = writing(IgnoredDimensions, router_pb2.IgnoredDimensions)
_method = writing(MethodChoice, report_pb2.Method)
_query_options = writing(QueryOptions, query_pb2.QueryOptions)


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
            fill_array(message.points.coordinates, checked_array(value.coordinates, DType.FLOAT32, place))
            return message
        case Features():
            return content_pb2.Content(features=_features(value, field["features"]["values"]))
        case TokenIds():
            return content_pb2.Content(token_ids=_token_ids(value, field["token_ids"]["ids"]))
        case Vector():
            return content_pb2.Content(vector=vector(value, field["vector"]))


def ignored(values: Iterable[IgnoredDimensions]) -> list[router_pb2.IgnoredDimensions]:
    """What does not count of a query's vector."""
    return [_ignored(one) for one in values]


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


def truncation(truncate: bool) -> encoder_pb2.Truncation:
    """What to do with inputs that are too long."""
    return encoder_pb2.TRUNCATION_END if truncate else encoder_pb2.TRUNCATION_REFUSE


@dataclass(frozen=True, slots=True)
class Output:
    """The shape of an encoding, as `encode` takes it."""

    width: int | None
    dtype: DType | str
    kinds: Sequence[str]
    batch_invariant: bool = False
    terms: bool = False
    layer: int | None = None
    earliest_layer: int | None = None
    condition: str = ""
    adapter: str = ""
    reduction: MethodLike | None = None

    def message(self) -> vector_pb2.OutputSpec:
        """As a message. `InvalidArgument` names the field that cannot be."""
        try:
            kind = DType(self.dtype)
        except ValueError:
            choices = ", ".join(DType)
            raise InvalidArgument.at(
                OUTPUT["dtype"], f"no dtype is named {self.dtype!r}; the choices are: {choices}"
            ) from None
        unknown = [one for one in self.kinds if one not in KINDS]
        if unknown:
            message = f"no kind is named {unknown[0]!r}; the choices are: {', '.join(KINDS)}"
            raise InvalidArgument.at(OUTPUT["kinds"], message)
        if self.width is not None and self.width < 1:
            raise InvalidArgument.at(OUTPUT["width"], f"a width is at least 1, not {self.width}")
        for name, number in (("layer", self.layer), ("earliest_layer", self.earliest_layer)):
            if number is not None and number < 1:
                raise InvalidArgument.at(OUTPUT[name], f"layers are counted from 1, and {number} is none")
        spec = vector_pb2.OutputSpec(
            width=self.width or 0,
            kinds=[KINDS[one] for one in self.kinds],
            batch_invariant=self.batch_invariant,
            terms=self.terms,
            layer=self.layer or 0,
            earliest_layer=self.earliest_layer or 0,
            condition=text(self.condition, "output.condition"),
            adapter=text(self.adapter, "output.adapter"),
            reduction=reduction(self.reduction, OUTPUT["reduction"]),
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
    return _method(MethodChoice.of(value), field)


def query_options(
    given: QueryOptions | QueryKeywords, field: FieldPath = OPTIONS
) -> query_pb2.QueryOptions | None:
    """The options of a query that are chosen; None for none."""
    keywords = cast(QueryKeywords, given.chosen()) if isinstance(given, QueryOptions) else given
    granularity = keywords.get("granularity")
    if granularity is not None and granularity not in list(Granularity):
        message = f"there is no granularity {granularity!r}; the choices are: {', '.join(Granularity)}"
        raise InvalidArgument.at(field["granularity"], message)
    options = QueryOptions.of(**keywords)
    return None if options == NO_OPTIONS else _query_options(options, field)


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
