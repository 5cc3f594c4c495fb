"""Which tensors of somebody else's text graph are what: by the names that exporters give, then by shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx

from tieback.catalog.runtimes.transformer_text import TransformerText
from tieback.core.errors import StartupError
from tieback.models.reference import IDS, MASK
from tieback.recipes.graphs.edits import check_tensors

TYPES = "token_type_ids"
INPUTS = (IDS, MASK, TYPES)
INTEGERS = (onnx.TensorProto.INT64, onnx.TensorProto.INT32)
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
STATES = ("last_hidden_state", "token_embeddings", "hidden_states")
VECTORS = ("sentence_embedding", "sentence_embeddings", "text_embeds")
NEVER = (
    "pooler_output",
)  # BERT's next-sentence state: a vector, but of no use as one unless it was trained for it
OF_STATES, OF_VECTORS = 3, 2
"""Axes: `[batch, tokens, width]` and `[batch, width]`."""


@dataclass(frozen=True, slots=True)
class TextGraphTensors:
    """`states` `[batch, tokens, width]` to be pooled, or `vectors` `[batch, width]` that are; one is None.

    `inputs` are those of the graph, each with its element type.
    """

    states: str | None
    vectors: str | None
    inputs: dict[str, int]


def find_tensors(model: onnx.ModelProto, options: TransformerText, *, pooled_here: bool) -> TextGraphTensors:
    """The tensors that the card names, else those that the graph's outputs show.

    `pooled_here` is whether the card names a pooling. StartupError lists what the graph has, where an input
    is not known, or where no output or more than one fits.
    """
    graph = model.graph
    check_tensors(graph, [name for name in (options.tokens_tensor, options.vector_tensor) if name])
    inputs = _inputs(graph)
    if options.tokens_tensor:
        return TextGraphTensors(options.tokens_tensor, None, inputs)
    if options.vector_tensor:
        return TextGraphTensors(None, options.vector_tensor, inputs)
    if pooled_here:
        states = _output(model, OF_STATES, STATES, "tokens_tensor", "[batch, tokens, width], which is pooled")
        return TextGraphTensors(states, None, inputs)
    try:
        vectors = _output(model, OF_VECTORS, VECTORS, "vector_tensor", "[batch, width], which is a vector")
    except StartupError as error:
        raise StartupError(
            f"{error.message}; or name a pooling in the card (pooling: {{name: mean}}), for token states"
        ) from None
    return TextGraphTensors(None, vectors, inputs)


def described(model: onnx.ModelProto) -> str:
    """The graph's inputs and outputs, for people."""
    graph = model.graph
    weights = {entry.name for entry in graph.initializer}
    inputs = [_signature(entry) for entry in graph.input if entry.name not in weights]
    outputs = [_signature(entry) for entry in graph.output]
    return f"inputs {', '.join(inputs) or 'none'}; outputs {', '.join(outputs) or 'none'}"


def rank(entry: onnx.ValueInfoProto) -> int | None:
    """The number of axes of the tensor, if the graph has it."""
    kind = entry.type.tensor_type
    return len(kind.shape.dim) if kind.HasField("shape") else None


def _inputs(graph: onnx.GraphProto) -> dict[str, int]:
    weights = {entry.name for entry in graph.initializer}
    found = {
        entry.name: entry.type.tensor_type.elem_type for entry in graph.input if entry.name not in weights
    }
    unknown = [name for name in found if name not in INPUTS]
    if unknown or IDS not in found:
        raise StartupError(
            f"a text graph takes {IDS}, and may take {MASK} and {TYPES}; this one takes: "
            f"{', '.join(found) or 'nothing'}. Export it again with inputs of these names"
        )
    for name, kind in found.items():
        if kind not in INTEGERS:
            raise StartupError(
                f"the graph's input {name} is {onnx.TensorProto.DataType.Name(kind)}; int64 or int32 is fed"
            )
    return found


def _output(model: onnx.ModelProto, axes: int, names: Sequence[str], option: str, shape: str) -> str:
    outputs = {entry.name: entry for entry in model.graph.output}
    if any(rank(entry) is None for entry in outputs.values()):
        inferred = onnx.shape_inference.infer_shapes(model).graph.output
        outputs = {entry.name: entry for entry in inferred}
    fitting = [
        name
        for name, entry in outputs.items()
        if name not in NEVER
        and rank(entry) in (axes, None)
        and entry.type.tensor_type.elem_type in (*FLOATS, 0)
    ]
    known = [name for name in names if name in fitting]
    if known:
        return known[0]
    if len(fitting) == 1:
        return fitting[0]
    raise StartupError(
        f"{'no' if not fitting else 'more than one'} output of the graph has the shape {shape}; "
        f"the graph has {described(model)}. Name the tensor in the card (options: {option})"
    )


def _signature(entry: onnx.ValueInfoProto) -> str:
    axes = entry.type.tensor_type.shape.dim
    return f"{entry.name} [{', '.join(axis.dim_param or str(axis.dim_value or '?') for axis in axes)}]"
