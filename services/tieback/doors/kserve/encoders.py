"""Encoders as models: contents in, vectors of every kind that the encoder has out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding
from tieback_contract.field_path import FieldPath, at
from tieback_contract.modality import Modality
from tieback_contract.vectors import DType, VectorKind

from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types.content import CategoricalFeatures, Content, TokenNumbers
from tieback.core.types.encoding import CachePolicy, EncodePlan, EncodeRequest, Truncation
from tieback.doors.kserve.model import (
    TIMEOUT,
    TIMEOUT_SAYS,
    ModelOutcome,
    Parameters,
    TensorSpec,
    column,
    numbers,
    padded,
    padded_texts,
    texts,
)
from tieback.doors.kserve.tensors import BYTES, Tensor
from tieback.ports import EncoderPort

EMBEDDING, SCALE = "embedding", "embedding_scale"
_DATATYPES = {
    "FP32": DType.FLOAT32,
    "FP16": DType.FLOAT16,
    "INT8": DType.INT8,
    "UINT8": DType.BINARY,
}
_INPUTS = {
    Modality.TEXT: (
        TensorSpec("text", BYTES, (1,), is_optional=True),
        TensorSpec("input_ids", "INT64", (-1,), is_optional=True),
        TensorSpec("attention_mask", "INT64", (-1,), is_optional=True),
    ),
    Modality.IMAGE: (TensorSpec("image", BYTES, (1,)),),
    Modality.AUDIO: (TensorSpec("audio", BYTES, (1,)),),
    Modality.POINTS: (TensorSpec("points", "FP32", (-1, 3)),),
    Modality.FEATURES: (TensorSpec("features", BYTES, (1,)),),
}
_COUNTS = (TensorSpec("token_count", "INT32", (1,)), TensorSpec("truncated_tokens", "INT32", (1,)))


class Card(Protocol):
    """What the door reads of an encoder's card."""

    @property
    def name(self) -> str:
        """The space that requests name."""
        ...

    @property
    def revision(self) -> str:
        """Names the weights."""
        ...

    @property
    def modality(self) -> Modality:
        """Of what it encodes."""
        ...

    @property
    def kinds(self) -> frozenset[VectorKind]:
        """Kinds of vectors that an encoding can hold."""
        ...

    @property
    def width(self) -> int:
        """The full one."""
        ...

    @property
    def offered_widths(self) -> tuple[int, ...]:
        """Those that may be asked for."""
        ...


def _outputs(card: Card) -> dict[VectorKind | None, tuple[TensorSpec, ...]]:
    """The outputs by what they need; None for those that every encoding has."""
    found: dict[VectorKind | None, tuple[TensorSpec, ...]] = {
        VectorKind.DENSE: (
            TensorSpec(EMBEDDING, "FP32", (card.width,)),
            TensorSpec(SCALE, "FP32", (1,)),
        ),
        VectorKind.SPARSE: (
            TensorSpec("sparse_indices", "INT32", (-1,)),
            TensorSpec("sparse_weights", "FP32", (-1,)),
        ),
        VectorKind.MULTI_VECTOR: (
            TensorSpec("multi_vector", "FP32", (-1, card.width)),
            TensorSpec("multi_vector_rows", "INT32", (1,)),
        ),
        VectorKind.LABELS: (
            TensorSpec("labels", BYTES, (-1,)),
            TensorSpec("probabilities", "FP32", (-1,)),
        ),
        None: _COUNTS,
    }
    return {kind: specs for kind, specs in found.items() if kind is None or kind in card.kinds}


class EncoderModel:
    """An encoder. A text is BYTES, or the model's own token numbers with a mask of those that count."""

    def __init__(self, card: Card, encoder: EncoderPort) -> None:
        self.name = card.name
        self.revision = card.revision
        self.inputs: Sequence[TensorSpec] = _INPUTS[card.modality]
        self._by_kind = _outputs(card)
        self.outputs: Sequence[TensorSpec] = [one for specs in self._by_kind.values() for one in specs]
        self.parameters: Mapping[str, str] = {
            "datatype": "FP32, FP16, INT8 (times embedding_scale) or UINT8 (packed signs) of the embedding",
            "width": f"an integer: one of {', '.join(map(str, card.offered_widths))}",
            "layer": "an integer: the layer whose states are pooled",
            "condition": "a string: a learned condition of the space",
            "truncate": "true: what is too long is cut at the end, and truncated_tokens says by how much",
            "bypass_cache": "true: it is computed, whatever is cached",
            TIMEOUT: TIMEOUT_SAYS,
        }
        self._modality = card.modality
        self._encoder = encoder

    async def run(
        self, inputs: Mapping[str, Tensor], wanted: Sequence[str], asked: Parameters, deadline: Deadline
    ) -> ModelOutcome:
        """See `Model.run`."""
        contents, place = _contents(self._modality, inputs)
        kinds = {
            kind for kind, specs in self._by_kind.items() for one in specs if kind and one.name in wanted
        }
        datatype = asked.take("datatype", str, "FP32")
        if datatype not in _DATATYPES:
            raise InvalidInput(
                f"an embedding is none of {datatype!r}; it is: {', '.join(_DATATYPES)}",
                field=at("parameters").key("datatype"),
            )
        plan = EncodePlan(
            width=asked.take("width", int, 0) or None,
            dtype=_DATATYPES[datatype],
            # Counts alone are those of the commonest run.
            kinds=frozenset(kinds or {next(kind for kind in self._by_kind if kind)}),
            layer=asked.take("layer", int, 0) or None,
            condition=asked.take("condition", str, ""),
            truncation=Truncation.END if asked.take("truncate", bool, False) else Truncation.REFUSE,
        )
        bypass = asked.take("bypass_cache", bool, False)
        cache = CachePolicy.BYPASS if bypass else CachePolicy.USE
        reply = await self._encoder.encode(
            EncodeRequest(self.name, contents, plan, cache=cache), Call(deadline)
        )
        found = good(reply.results, at("contents"), place)
        outputs = {name: _WRITTEN[name](found, datatype) for name in wanted}
        return ModelOutcome(len(found), outputs, reply.timing)


def good(
    results: Sequence[Encoding | TiebackError], old: FieldPath, place: Callable[[int], FieldPath]
) -> list[Encoding]:
    """The results, none of which is an error; raises the first one, about where the request has its row."""
    for row, one in enumerate(results):
        if isinstance(one, TiebackError):
            raise one.moved(old[row], place(row))
    return [one for one in results if isinstance(one, Encoding)]


def _contents(
    modality: Modality, inputs: Mapping[str, Tensor]
) -> tuple[list[Content], Callable[[int], FieldPath]]:
    """The contents of a batch, and where the request has each."""
    if modality is Modality.TEXT and "input_ids" in inputs:
        if "text" in inputs:
            raise InvalidInput("send text or input_ids, not both", field=inputs["input_ids"].field)
        return _token_ids(inputs["input_ids"], inputs.get("attention_mask"))
    if "attention_mask" in inputs:
        mask = inputs["attention_mask"]
        raise InvalidInput("a mask belongs to input_ids; send them, or the text alone", field=mask.field)
    name = _INPUTS[modality][0].name
    if name not in inputs:
        raise InvalidInput(f"the input {name!r} is missing", field="inputs")
    tensor = inputs[name]
    values: Sequence[Any]
    if modality is Modality.TEXT:
        values = texts(tensor)
    elif modality is Modality.POINTS:
        values = _clouds(tensor)
    elif modality is Modality.FEATURES:
        values = [_features(one, tensor.place(row)) for row, one in enumerate(column(tensor))]
    else:
        values = column(tensor)
    return [Content(modality, value) for value in values], tensor.place


def _token_ids(ids: Tensor, mask: Tensor | None) -> tuple[list[Content], Callable[[int], FieldPath]]:
    if len(ids.shape) != 2:
        raise InvalidInput("the shape is [n, tokens]", field=ids.field["shape"])
    if mask is not None and mask.shape != ids.shape:
        raise InvalidInput("a mask has the shape of input_ids", field=mask.field["shape"])
    kept = np.ones(ids.shape, bool) if mask is None else mask.array != 0
    rows = [TokenNumbers(row[keep].astype(np.int64)) for row, keep in zip(ids.array, kept, strict=True)]
    return [Content(Modality.TEXT, row) for row in rows], ids.place


def _clouds(tensor: Tensor) -> list[Array]:
    shape = tensor.shape
    if len(shape) not in (2, 3) or shape[-1] != 3:
        raise InvalidInput(
            "the shape is [n, points, 3], or [points, 3] for one cloud", field=tensor.field["shape"]
        )
    return list(tensor.array.reshape(-1, *shape[-2:]))


def _features(value: bytes, field: FieldPath) -> CategoricalFeatures:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(
        isinstance(own, list) and all(isinstance(one, str) for one in own) for own in found.values()
    ):
        raise InvalidInput('features are JSON: {"name": ["value", …], …}', field=field)
    return CategoricalFeatures.of(found)


Rows = Sequence[Encoding]


def _embedding(rows: Rows, datatype: str) -> Tensor:
    return Tensor.of(datatype, np.stack([one.vector.values for one in rows if one.vector is not None]))


def _scales(rows: Rows, _: str) -> Tensor:
    """1 where the values are the embedding as they are."""
    return numbers("FP32", [one.vector.scale or 1.0 for one in rows if one.vector is not None])


_WRITTEN: Mapping[str, Callable[[Rows, str], Tensor]] = {
    EMBEDDING: _embedding,
    SCALE: _scales,
    "sparse_indices": lambda rows, _: padded([one.sparse.indices for one in rows if one.sparse], -1),
    "sparse_weights": lambda rows, _: padded([one.sparse.weights for one in rows if one.sparse], 0),
    "multi_vector": lambda rows, _: padded([one.multi_vector.values for one in rows if one.multi_vector], 0),
    "multi_vector_rows": lambda rows, _: numbers(
        "INT32", [len(one.multi_vector) for one in rows if one.multi_vector is not None]
    ),
    "labels": lambda rows, _: padded_texts([[label.name for label in one.labels] for one in rows]),
    "probabilities": lambda rows, _: padded(
        [np.array([label.probability for label in one.labels], np.float32) for one in rows], 0
    ),
    "token_count": lambda rows, _: numbers("INT32", [one.token_count for one in rows]),
    "truncated_tokens": lambda rows, _: numbers("INT32", [one.truncated_tokens for one in rows]),
}
