"""What the layers and norms of an exported text encoder give for texts, by the names of their modules.

A module's output is where its bias was added, or, without a bias, where its matrix was multiplied by. A copy
of the graph is run with these as outputs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper
from tieback_contract.arrays import Array

from tieback.methods.merging import Activations, Weights
from tieback.models.reference import IDS, MASK
from tieback.models.session import Session
from tieback.models.text.transformer_text import padded
from tieback.recipes.graphs.expert_router import AT_ONCE

WEIGHT, BIAS = ".weight", ".bias"


def activations_of(model: ModelProto, texts: Sequence[Array], most: int) -> Activations:
    """Rows `[tokens, neurons]`, float32, of at most so many tokens of the texts, by the modules' names.

    `texts` are token numbers. Models that read the same texts by one vocabulary have the same tokens in the
    same rows.
    """
    outputs = _outputs(model)
    shown = ModelProto()
    shown.CopyFrom(model)
    known = {one.name for one in shown.graph.output}
    shown.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        for name in outputs.values()
        if name not in known
    )
    session = Session(shown.SerializeToString())
    found: dict[str, list[Array]] = {module: [] for module in outputs}
    left = most
    for begin in range(0, len(texts), AT_ONCE):
        ids, mask = padded(texts[begin : begin + AT_ONCE])
        is_token = mask.astype(bool)
        for module, rows in zip(
            outputs, session.run(list(outputs.values()), {IDS: ids, MASK: mask}), strict=True
        ):
            if rows.ndim == is_token.ndim + 1 and rows.shape[:2] == is_token.shape:
                found[module].append(rows[is_token][:left])
        left -= int(is_token.sum())
        if left <= 0:
            break
    return {module: np.concatenate(rows) for module, rows in found.items() if rows}


def _outputs(model: ModelProto) -> dict[str, str]:
    """By module, the name of what it gives."""
    tensors = [tensor.name for tensor in model.graph.initializer]
    made = {name: node.output[0] for node in model.graph.node for name in node.input if node.output}
    found = {
        name.removesuffix(WEIGHT): made[name] for name in tensors if name.endswith(WEIGHT) and name in made
    }
    # What a bias was added to comes later than what it was added for.
    return found | {
        name.removesuffix(BIAS): made[name]
        for name in tensors
        if name.endswith(BIAS) and name in made and name.removesuffix(BIAS) in found
    }


def weights_of(model: ModelProto) -> dict[str, Array]:
    """The float32 tensors of a graph, but for single numbers, which are the architecture's."""
    return {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
        if tensor.data_type == TensorProto.FLOAT and int(np.prod(tensor.dims)) > 1
    }


def turned(model: ModelProto, weights: Weights) -> dict[str, Array]:
    """Weights as in a graph to those as in a module, or back: the matrices of linear layers turned."""
    products = {node.input[1] for node in model.graph.node if node.op_type == "MatMul"}
    return {
        name: array.T if name in products and array.ndim == 2 else array for name, array in weights.items()
    }
