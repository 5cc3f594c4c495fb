"""Somebody else's ONNX graph of a text encoder, made to end in what is served.

Pooling and normalisation are put behind the token states, or normalisation alone behind vectors that the
graph pools itself, and inputs get the names and types that serving knows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper
from tieback_contract.arrays import Array
from tieback_contract.vectors import VectorKind
from torch import Tensor
from torch.nn.functional import normalize

from tieback.catalog.card import EncoderCard
from tieback.catalog.own_directory import own_file
from tieback.catalog.runtimes.transformer_text import TransformerText
from tieback.core.errors import StartupError
from tieback.methods.pooling import Pooling, poolings
from tieback.models.reference import DENSE, IDS, MASK
from tieback.models.session import Session
from tieback.models.text.transformer_text import TOKENS
from tieback.recipes.graphs.edits import compare, load_graph, replace_outputs, run_to
from tieback.recipes.graphs.external_data import save_graph
from tieback.recipes.graphs.sentence_modules import Normalize, SentenceModules
from tieback.recipes.graphs.tensors import TYPES, TextGraphTensors, find_tensors
from tieback.recipes.graphs.torch_export import export_module

HEAD = "head/"
Head = torch.nn.Module
"""Token states `[batch, tokens, width]`, or vectors `[batch, width]`, and the mask to unit vectors."""


class PoolingHead(torch.nn.Module):
    """Token states to normalised vectors."""

    def __init__(self, pooling: Pooling) -> None:
        super().__init__()
        self.pooling = pooling

    def forward(self, states: Tensor, attention_mask: Tensor) -> Tensor:
        """`[batch, tokens, width]` and `[batch, tokens]` to `[batch, width]`."""
        return normalize(self.pooling([states.float()], attention_mask.float()), dim=-1)


class NormalizingHead(torch.nn.Module):
    """Vectors to vectors of length 1."""

    def forward(self, vectors: Tensor) -> Tensor:
        """`[batch, width]` to the same."""
        return normalize(vectors.float(), dim=-1)


def extend_graph(
    card: EncoderCard,
    weights: Path,
    modules: SentenceModules | None,
    path: Path,
    ids: Tensor,
    mask: Tensor,
) -> dict[str, Any]:
    """Writes the graph to `path`, and returns its parity with what it was made from on the example.

    A card that names no pooling has the graph's own vectors, and where it has none the pooling of `modules`.
    """
    options = card.options_for(TransformerText)
    source = own_file(weights, options.weights)
    model = load_graph(source)
    tensors, pooling = _choose(card, model, modules)
    if tensors.states is None and VectorKind.MULTI_VECTOR in card.kinds:
        raise StartupError(
            f"{options.weights} is read at {tensors.vectors!r}, which has no token states; remove "
            "'multi_vector' from the card's kinds, or name the tensor of the states (options: tokens_tensor) "
            "and a pooling"
        )
    feed = {IDS: ids.numpy(), MASK: mask.numpy(), TYPES: torch.zeros_like(ids).numpy()}
    raw = read_tensor(source, tensors, feed)
    head: Head = NormalizingHead() if pooling is None else PoolingHead(pooling)
    expected = head(torch.from_numpy(raw), *([] if pooling is None else [mask])).numpy()
    _extend(model, tensors, head, path)
    outputs = {DENSE: expected} | ({TOKENS: raw.astype(np.float32)} if tensors.states else {})
    found = Session(path).run(list(outputs), {IDS: feed[IDS], MASK: feed[MASK]})
    return compare(list(outputs.values()), found, list(outputs))


def _choose(
    card: EncoderCard, model: onnx.ModelProto, modules: SentenceModules | None
) -> tuple[TextGraphTensors, Pooling | None]:
    options = card.options_for(TransformerText)
    if card.pooling is not None:
        pooling = poolings.configure(card.pooling.name, card.pooling.parameters, field="pooling")
        found = find_tensors(model, options, pooled_here=True)
        return found, None if found.states is None else pooling
    try:
        found = find_tensors(model, options, pooled_here=False)
    except StartupError:
        if modules is None:
            raise
        found = find_tensors(model, options, pooled_here=True)
    if found.states is None:
        return found, None
    if modules is None:
        raise StartupError(
            f"{options.weights} is read at token states, and the card {card.name} names no pooling; its "
            f"choices are: {', '.join(poolings.names())} (pooling: {{name: mean}})"
        )
    if any(not isinstance(step, Normalize) for step in modules.steps):
        raise StartupError(
            f"the folder of {card.name} has dense layers or a cut behind the pooling, which "
            f"{options.weights} lacks; take the safetensors file as the card's weights"
        )
    return found, poolings.configure(modules.pooling)


def read_tensor(source: Path, tensors: TextGraphTensors, feed: dict[str, Array]) -> Array:
    """The tensor that is read, on the example; StartupError where it is of another shape than its kind."""
    name = tensors.states or tensors.vectors or ""
    inputs = {
        key: feed[key].astype(helper.tensor_dtype_to_np_dtype(kind)) for key, kind in tensors.inputs.items()
    }
    try:
        found = np.asarray(run_to(source, [name], inputs)[0])
    except StartupError:
        raise
    except Exception as error:  # ONNX Runtime's own classes
        raise StartupError(f"{source.name} cannot be run on a sample: {error}") from error
    texts, tokens = feed[IDS].shape
    expected = (texts, tokens) if tensors.states else (texts,)
    if found.ndim != len(expected) + 1 or found.shape[:-1] != expected:
        wanted = "[batch, tokens, width]" if tensors.states else "[batch, width]"
        raise StartupError(
            f"{name!r} of {source.name} is {list(found.shape)} for {texts} texts of {tokens} tokens; "
            f"{wanted} is read there. Name another tensor in the card (tokens_tensor or vector_tensor)"
        )
    return found


def _extend(model: onnx.ModelProto, tensors: TextGraphTensors, head: Head, path: Path) -> None:
    graph = model.graph
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    added = _head_graph(head, path, opset)
    source = tensors.states or tensors.vectors or ""
    names = {f"{HEAD}given": f"{HEAD}float", f"{HEAD}{MASK}": MASK, f"{HEAD}{DENSE}": DENSE}
    for node in added.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    _free_names(graph, (DENSE, TOKENS), source)
    _serve_inputs(graph, tensors.inputs)
    cast = helper.make_node("Cast", [source], [f"{HEAD}float"], name=f"{HEAD}cast", to=onnx.TensorProto.FLOAT)
    graph.node.append(cast)
    graph.node.extend(added.graph.node)
    graph.initializer.extend(added.graph.initializer)
    outputs: dict[str, list[str | int | None]] = {DENSE: ["batch", None]}
    if tensors.states:
        graph.node.append(helper.make_node("Identity", [f"{HEAD}float"], [TOKENS], name=f"{HEAD}tokens"))
        outputs[TOKENS] = ["batch", "tokens", None]
    replace_outputs(graph, outputs)
    save_graph(model, path)


def _free_names(graph: onnx.GraphProto, taken: tuple[str, ...], source: str) -> None:
    """StartupError where the graph has tensors of the names that are served and means others by them."""
    there = {name for node in graph.node for name in node.output}
    for name in taken:
        if name in there:
            raise StartupError(
                f"the graph has a tensor {name!r} of its own beside {source!r}; rename it and export it again"
            )


def _serve_inputs(graph: onnx.GraphProto, inputs: dict[str, int]) -> None:
    """Makes `IDS` and `MASK`, int64, the graph's inputs; a single text has type 0 all through."""
    renamed = {name: f"{HEAD}{name}.int32" for name, kind in inputs.items() if kind == onnx.TensorProto.INT32}
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    for number, (name, given) in enumerate(renamed.items()):
        node = helper.make_node("Cast", [name], [given], name=f"{HEAD}{name}", to=onnx.TensorProto.INT32)
        graph.node.insert(number, node)
    if TYPES in inputs:
        graph.node.insert(0, helper.make_node("Sub", [IDS, IDS], [TYPES], name=f"{HEAD}types"))
    kept = [
        entry for entry in graph.input if entry.name not in inputs
    ]  # weights of old graphs are inputs too
    del graph.input[:]
    for name in (IDS, MASK):
        shape = ["batch", "tokens"]
        graph.input.append(helper.make_tensor_value_info(name, onnx.TensorProto.INT64, shape))
    graph.input.extend(kept)


def _head_graph(head: Head, path: Path, opset: int) -> onnx.ModelProto:
    temporary = path.with_name("head.onnx")
    pools = isinstance(head, PoolingHead)
    given = torch.rand(2, 7, 4) if pools else torch.rand(2, 4)
    mask = (torch.arange(7)[None] < torch.tensor([7, 4])[:, None]).long()
    axes = ("batch", "tokens", "width") if pools else ("batch", "width")
    export_module(
        head,
        (given, mask) if pools else (given,),
        temporary,
        inputs=["given", MASK] if pools else ["given"],
        outputs=[DENSE],
        dynamic={
            "given": dict(enumerate(axes)),
            DENSE: {0: "batch"},
        }
        | ({MASK: {0: "batch", 1: "tokens"}} if pools else {}),
        opset=opset,
    )
    added = onnx.compose.add_prefix(onnx.load(temporary), HEAD)
    temporary.unlink()
    return added
