"""The weights of an exported graph by the names that they had in the module it was traced from.

The exporter turns the matrix of a linear layer, `[out, in]`, and numbers it: `onnx::MatMul_766`. The node
that multiplies by it still has the layer's name. Merging goes by the layers' names, which say what a tensor
is, and which do not depend on how many nodes stand before it.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from onnx import ModelProto, TensorProto, numpy_helper
from tieback_contract.arrays import Array

from tieback.methods.merging import Weights


def weights_of(model: ModelProto) -> dict[str, Array]:
    """The float32 tensors of a graph, but for single numbers, which are the architecture's."""
    return {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
        if tensor.data_type == TensorProto.FLOAT and int(np.prod(tensor.dims)) > 1
    }


def layer_names(model: ModelProto) -> dict[str, str]:
    """By the name of a matrix that one linear layer multiplies by: `LAYER.weight`."""
    used = Counter(name for node in model.graph.node for name in node.input)
    matrices = {tensor.name for tensor in model.graph.initializer if len(tensor.dims) == 2}
    layers = {
        node.input[1]: node.name.strip("/").removesuffix("/MatMul").replace("/", ".") + ".weight"
        for node in model.graph.node
        if node.op_type == "MatMul" and node.name.endswith("/MatMul") and node.input[1] in matrices
    }
    once = Counter(layers.values())
    return {name: layer for name, layer in layers.items() if used[name] == 1 and once[layer] == 1}


def by_layers(weights: Weights, layers: dict[str, str]) -> dict[str, Array]:
    """Tensors of a graph by their layers' names, matrices `[out, in]`; others keep their own names."""
    return {layers.get(name, name): array.T if name in layers else array for name, array in weights.items()}


def by_tensors(weights: Weights, layers: dict[str, str]) -> dict[str, Array]:
    """The way back."""
    names = {layer: name for name, layer in layers.items()}
    return {names.get(name, name): array.T if name in names else array for name, array in weights.items()}
