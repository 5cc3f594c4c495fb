"""The adapters of a merged model's experts, and its graph with their weights as inputs.

One graph serves all experts: what an expert has of its own is fed with each run, so that none needs a
session. A matrix that an adapter has as two factors stays as it is shared, and what they give is added to
what it gives. Every other tensor in which experts differ is an input. What is the same in all of them is in
the graph.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from safetensors.numpy import save_file
from tieback_contract.arrays import Array

from tieback.methods.merging import FACTORS, RESTORE, SPLIT, Weights, mergings
from tieback.models.adapters import ADAPTED, OF_BASE, OF_SHARED, SHARED, adapter_file, factor_inputs
from tieback.recipes.graphs.external_data import save_graph


def write_adapters(
    method: str,
    parameters: Mapping[str, Any],
    base: Weights,
    experts: Mapping[str, Weights],
    model: ModelProto,
    out: Path,
) -> None:
    """Splits experts and writes the graph, what they share, and an adapter each; the model is changed."""
    shared, adapters = mergings.form(SPLIT, method, parameters)(base, list(experts.values()))
    added = _factored(method, adapters, _multiplied(model))
    rest = {name: array for name, array in base.items() if name not in added}
    fixed, own = _compared(method, rest, shared, adapters)
    values = fixed | {name: shared[name] for name in added}
    _open(model, values, {name: base[name] for name in own}, added)
    save_graph(model, out / ADAPTED)
    of_base = {OF_BASE + name: base[name] for name in own}
    _save(of_base | {OF_SHARED + name: shared[name] for name in own}, out / SHARED)
    for name, adapter in zip(experts, adapters, strict=True):
        _save(adapter, out / adapter_file(name))


def _factored(method: str, adapters: Sequence[Weights], multiplied: Collection[str]) -> frozenset[str]:
    """The tensors that some adapter has as factors, and that the graph can have so."""
    if not mergings.has(FACTORS, method):
        return frozenset()
    factors = mergings.form(FACTORS, method)
    return frozenset(name for adapter in adapters for name in factors(adapter)).intersection(multiplied)


def _compared(
    method: str, base: Weights, shared: Weights, adapters: Sequence[Weights]
) -> tuple[dict[str, Array], list[str]]:
    """The tensors that all experts have alike, and the names of the others."""
    restore = mergings.form(RESTORE, method)
    first = dict(restore(base, shared, adapters[0]))
    own: set[str] = set()
    for adapter in adapters[1:]:
        other = restore(base, shared, adapter)
        own.update(name for name, array in first.items() if not np.array_equal(array, other[name]))
    return {name: array for name, array in first.items() if name not in own}, sorted(own)


def _multiplied(model: ModelProto) -> frozenset[str]:
    """The matrices that a graph multiplies rows by, or takes rows of, and does nothing else with."""
    weights = {tensor.name for tensor in model.graph.initializer if len(tensor.dims) == 2}
    other = {
        name
        for node in model.graph.node
        for place, name in enumerate(node.input)
        if name in weights and not _is_product(node, place)
    }
    return frozenset(weights - other)


def _is_product(node: NodeProto, place: int) -> bool:
    if node.op_type == "MatMul":
        return place == 1
    by_rows = all(attribute.i == 0 for attribute in node.attribute if attribute.name == "axis")
    return node.op_type == "Gather" and place == 0 and by_rows


def _open(model: ModelProto, values: Weights, own: Weights, added: Collection[str]) -> None:
    """Writes values into the graph, and makes inputs of tensors and of factors."""
    graph = model.graph
    kept = [tensor for tensor in graph.initializer if tensor.name not in own]
    for tensor in kept:
        if tensor.name in values:
            array = np.ascontiguousarray(values[tensor.name])
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    nodes: list[NodeProto] = []
    for node in graph.node:
        weight = next((name for name in node.input if name in added), None)
        nodes += [node] if weight is None else _with_factors(node, weight)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    inputs: dict[str, Sequence[int | str]] = {name: array.shape for name, array in own.items()}
    for name in sorted(added):
        rows, columns = values[name].shape
        left, right = factor_inputs(name)
        inputs |= {left: [rows, "rank"], right: ["rank", columns]}
    graph.input.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()
    )


def _with_factors(node: NodeProto, weight: str) -> list[NodeProto]:
    """The node, and beside it the product with the factors, added to what it gives."""
    left, right = factor_inputs(weight)
    result = node.output[0]
    parts = [f"{result} {part}" for part in ("shared", "left", "own")]
    through = NodeProto()
    through.CopyFrom(node)
    through.name = f"{node.name} left"
    through.input[:] = [left if name == weight else name for name in node.input]
    through.output[:] = [parts[1]]
    node.output[0] = parts[0]
    return [
        node,
        through,
        helper.make_node("MatMul", [parts[1], right], [parts[2]]),
        helper.make_node("Add", [parts[0], parts[2]], [result]),
    ]


def _save(arrays: Weights, path: Path) -> None:
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)
