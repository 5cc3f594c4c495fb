"""What a classifier holds each class to look like: the rows of its last linear layer.

The layer scores a class by the inner product of its row with the features, so a row is the direction of the
features that speaks for the class: one vector per class in the classifier's own space, without any input.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tieback_contract.arrays import Array

from tieback.catalog.card import EncoderCard
from tieback.core.errors import StartupError
from tieback.models.pictures import classifier as image_classifier
from tieback.models.sounds import classifier
from tieback.models.store import Store

SCORES = {
    "image_classifier": (image_classifier.GRAPH, image_classifier.PROBABILITIES),
    "audio_classifier": (classifier.GRAPH, classifier.SCORES),
}
"""By runtime: the graph's file, and its output with one score per class."""

BETWEEN = {
    "Softmax",
    "LogSoftmax",
    "Sigmoid",
    "Identity",
    "QuantizeLinear",
    "DequantizeLinear",
    "Cast",
    "Add",
}
"""Nodes that may stand between the layer and the scores."""

MOST_BETWEEN = 8


def class_prototypes(card: EncoderCard, store: Store, classes: int) -> Array:
    """The rows `[classes, width]` of the stored graph's last linear layer, in float32.

    StartupError gives the reason where the card has no graph, or the graph no such layer.
    """
    if card.runtime not in SCORES:
        raise StartupError(f"{card.name} runs as {card.runtime}, whose graph has no classes")
    file, output = SCORES[card.runtime]
    rows = last_linear(store.open(card).path(file), output)
    if rows is None:
        raise StartupError(f"the graph of {card.name} has no linear layer right before {output!r}")
    if rows.shape != (classes, card.width):
        raise StartupError(
            f"the last layer of {card.name} has the shape {rows.shape}, which is not that of its "
            f"{classes} classes and {card.width} features"
        )
    return rows


def last_linear(path: Path, output: str) -> Array | None:
    """The weights `[out, in]` of the linear layer that the output comes from; None where there is none."""
    from tieback.recipes.graphs.edits import load_graph

    graph = load_graph(path).graph
    by_output = {name: node for node in graph.node for name in node.output}
    node = by_output.get(output)
    for _ in range(MOST_BETWEEN):
        if node is None or node.op_type not in BETWEEN:
            break
        node = next((by_output[name] for name in node.input if name in by_output), None)
    if node is None or node.op_type not in ("Gemm", "MatMul"):
        return None
    weights = _constant(node.input[1], graph, by_output)
    if weights is None or weights.ndim != 2:
        return None
    transposed = node.op_type == "Gemm" and any(one.name == "transB" and one.i for one in node.attribute)
    return np.ascontiguousarray(weights if transposed else weights.T, np.float32)


def _constant(name: str, graph: Any, by_output: dict[str, Any]) -> Array | None:
    """The value of a tensor that no input reaches: stored, a constant, or in 8 bits; None for others."""
    from onnx import numpy_helper

    for tensor in graph.initializer:
        if tensor.name == name:
            return np.asarray(numpy_helper.to_array(tensor))
    node = by_output.get(name)
    if node is None:
        return None
    if node.op_type == "Constant":
        return np.asarray(numpy_helper.to_array(node.attribute[0].t))
    if node.op_type == "Identity":
        return _constant(node.input[0], graph, by_output)
    if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
        return None
    parts = [_constant(part, graph, by_output) for part in node.input]
    values, scale, *zero = parts
    if values is None or scale is None or any(one is None for one in zero):
        return None
    return _coded(node, values, scale, zero[0] if zero else None)


def _coded(node: Any, values: Array, scale: Array, zero: Array | None) -> Array:
    """What QuantizeLinear or DequantizeLinear makes of values, by one scale or by one along an axis."""
    kind = np.dtype(np.uint8) if zero is None else zero.dtype
    axis = next((one.i for one in node.attribute if one.name == "axis"), 1)
    shape = [-1 if place == axis % values.ndim else 1 for place in range(values.ndim)]
    steps, offset = (
        np.asarray(one, np.float32).reshape(shape if np.ndim(one) else ())
        for one in (scale, np.zeros((), np.float32) if zero is None else zero)
    )
    if node.op_type == "DequantizeLinear":
        return np.asarray((values.astype(np.float32) - offset) * steps)
    limits = np.iinfo(kind)
    return np.clip(np.rint(values / steps) + offset, limits.min, limits.max).astype(kind)
