"""A transformer of BERT's build whose neurons are put in another order: it computes the same."""

from __future__ import annotations

import numpy as np
from tieback.methods.merging import Weights
from tieback_contract.arrays import Array

TABLE = "embeddings.word_embeddings.weight"


def reordered(weights: Weights, head_size: int, seed: int = 5) -> tuple[dict[str, Array], Array]:
    """The weights in another order, and the order of the values that the model gives."""
    draw = np.random.default_rng(seed)
    stream = draw.permutation(weights[TABLE].shape[1])
    found = dict(weights)

    def put(layer: str, before: Array, own: Array) -> None:
        found[layer + ".weight"] = weights[layer + ".weight"][own][:, before]
        found[layer + ".bias"] = weights[layer + ".bias"][own]

    for name in weights:
        if "LayerNorm" in name:
            found[name] = weights[name][stream]
        elif "embeddings" in name and weights[name].ndim == 2:
            found[name] = weights[name][:, stream]
    for block in sorted({name.partition("attention")[0] for name in weights if ".attention." in name}):
        heads = draw.permutation(len(stream) // head_size)
        both, values = (
            np.concatenate([head * head_size + draw.permutation(head_size) for head in heads])
            for _ in range(2)
        )
        put(block + "attention.self.query", stream, both)
        put(block + "attention.self.key", stream, both)
        put(block + "attention.self.value", stream, values)
        put(block + "attention.output.dense", values, stream)
        wide = draw.permutation(len(weights[block + "intermediate.dense.weight"]))
        put(block + "intermediate.dense", stream, wide)
        put(block + "output.dense", wide, stream)
    return found, stream
