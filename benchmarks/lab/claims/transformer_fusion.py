"""Method 1: two transformers of different starts, aligned before they are averaged.

"Transformer Fusion with Optimal Transport" (arXiv:2310.05719): averaged as they are, two transformers of
different starts are worth little; aligned first, they are worth more; fine-tuned a little then, they beat
both. Tried with small transformers of BERT's build that recognise MNIST's digits by 16 patches: two blocks,
64 wide, heads of 16. Neurons are matched by their weights, or by what they give on 200 of the training
digits. A smoothing of 0.05 was chosen with other seeds. Another pair is of two widths, 64 and 96, which
cannot be averaged as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from tieback.methods.merging import Activations, Weights, merge
from tieback_contract.arrays import Array
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, softmax

from benchmarks.lab.claims import by_seed, claim
from benchmarks.lab.claims._frozen import data_folder
from benchmarks.lab.claims._weights import accuracy, tensors_of, trained
from benchmarks.report import Report, Tried

WIDTH, WIDER, HEAD, BLOCKS, PATCHES, PIXELS = 64, 96, 16, 2, 16, 49
STEPS, FEW_STEPS, SEEN = 300, 60, 200
SMOOTHING = 0.05
OF = Tried(1, "paper", product=True, data="real")
WAYS: Mapping[str, tuple[bool, Mapping[str, Any]]] = {
    "by weights": (False, {"smoothing": SMOOTHING}),
    "by weights, exact": (False, {}),
    "by weights, mean of matches": (False, {"smoothing": SMOOTHING, "residual": "mean"}),
    "by activations": (True, {"smoothing": SMOOTHING}),
    "by activations, exact": (True, {}),
    "by activations, mean of matches": (True, {"smoothing": SMOOTHING, "residual": "mean"}),
    "by activations, weighted": (True, {"smoothing": SMOOTHING, "residual": "weighted_scalar"}),
}
"""Whether activations are known, and the parameters."""


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """One table of accuracies."""
    with (
        np.load(data_folder() / "classes/mnist_train.npz") as train,
        np.load(data_folder() / "classes/mnist_test.npz") as test,
    ):
        x, y = patches(np.asarray(train["images"])), torch.from_numpy(np.asarray(train["labels"])).long()
        tested, answers = (
            patches(np.asarray(test["images"])),
            torch.from_numpy(np.asarray(test["labels"])).long(),
        )
    torch.set_num_threads(1)

    def right(weights: Weights) -> float:
        return accuracy(forward, weights, tested, answers)

    def tuned(weights: Weights, seed: int) -> float:
        return right(trained(forward, weights, x, y, FEW_STEPS, seed))

    def one(seed: int) -> dict[str, float]:
        first, second, wide = (
            trained(forward, start(own, width), x, y, STEPS, own)
            for own, width in ((seed, WIDTH), (seed + 1000, WIDTH), (seed + 2000, WIDER))
        )
        seen = [activations(weights, x[:SEEN]) for weights in (first, second, wide)]
        averaged = merge("linear", second, [first, second])
        fused = {
            name: merge("optimal_transport", second, [first, second], {"head_size": HEAD, **parameters},
                        activations=seen[:2] if known else ())
            for name, (known, parameters) in WAYS.items()
        }  # fmt: skip
        widened = merge(
            "optimal_transport", wide, [first, wide], {"head_size": HEAD, "smoothing": SMOOTHING},
            activations=[seen[0], seen[2]],
        )  # fmt: skip
        parents = sorted([right(first), right(second)])
        return {
            "parents": sum(parents) / 2,
            "averaged": right(averaged),
            **{name: right(weights) for name, weights in fused.items()},
            "better parent, trained on": max(tuned(first, seed), tuned(second, seed)),
            "averaged, trained on": tuned(averaged, seed),
            "by activations, trained on": tuned(fused["by activations"], seed),
            "parent of 96": right(wide),
            "64 in 96, by activations": right(widened),
            "64 in 96, trained on": tuned(widened, seed),
        }

    title = "transformer fusion (arXiv:2310.05719): accuracy on digits, %"
    rows = by_seed(report, title, seeds, one, say)
    for name in ("by weights", "by activations"):
        gained = [row[name] - row["averaged"] for row in rows]
        claim(
            report,
            OF,
            f"1 (arXiv:2310.05719): transformers aligned {name}, over averaged",
            gained,
            "points",
            "> 0",
        )
    for name in ("averaged", "better parent"):
        gained = [row["by activations, trained on"] - row[f"{name}, trained on"] for row in rows]
        called = f"1 (arXiv:2310.05719): aligned and trained on, over the {name} trained on as long"
        claim(report, OF, called, gained, "points", "> 0")


def patches(pictures: Array) -> Tensor:
    """Pictures `[n, 28, 28]` as `[n, PATCHES, PIXELS]` from 0 to 1."""
    parts = pictures.astype(np.float32).reshape(-1, 4, 7, 4, 7) / 255
    return torch.from_numpy(np.ascontiguousarray(parts.transpose(0, 1, 3, 2, 4)).reshape(-1, PATCHES, PIXELS))


def start(seed: int, width: int) -> Weights:
    """Random weights. A pixel is a word, of which a patch has as much as the pixel is bright."""
    draw = np.random.default_rng(seed)
    found: dict[str, Array] = {
        "embeddings.word_embeddings.weight": 2 * draw.standard_normal((PIXELS, width)) / PIXELS**0.5,
        "embeddings.position_embeddings.weight": 0.3 * draw.standard_normal((PATCHES, width)),
    }
    wide = 2 * width
    layers = {"classifier": (10, width)}
    norms = ["embeddings.LayerNorm"]
    for block in (f"layer.{number}." for number in range(BLOCKS)):
        layers |= {f"{block}attention.self.{name}": (width, width) for name in ("query", "key", "value")}
        layers |= {block + "attention.output.dense": (width, width)}
        layers |= {block + "intermediate.dense": (wide, width), block + "output.dense": (width, wide)}
        norms += [block + "attention.output.LayerNorm", block + "output.LayerNorm"]
    for name, shape in layers.items():
        found |= {
            name + ".weight": draw.standard_normal(shape) / shape[1] ** 0.5,
            name + ".bias": np.zeros(shape[0]),
        }
    for name in norms:
        found |= {name + ".weight": np.ones(width), name + ".bias": np.zeros(width)}
    return {name: array.astype(np.float32) for name, array in found.items()}


def forward(weights: Mapping[str, Tensor], x: Tensor, seen: dict[str, Array] | None = None) -> Tensor:
    """Logits; what each layer and norm gives goes into `seen`."""

    def put(name: str, values: Tensor) -> Tensor:
        if seen is not None:
            seen[name] = values.detach().reshape(-1, values.shape[-1]).numpy()
        return values

    def layer(name: str, values: Tensor) -> Tensor:
        return put(name, values @ weights[name + ".weight"].T + weights[name + ".bias"])

    def norm(name: str, values: Tensor) -> Tensor:
        parts = weights[name + ".weight"], weights[name + ".bias"]
        return put(name, layer_norm(values, values.shape[-1:], *parts))

    stream = (
        x @ weights["embeddings.word_embeddings.weight"] + weights["embeddings.position_embeddings.weight"]
    )
    stream = norm("embeddings.LayerNorm", stream)
    for block in (f"layer.{number}." for number in range(BLOCKS)):
        query, key, value = (
            layer(f"{block}attention.self.{name}", stream).reshape(len(x), PATCHES, -1, HEAD).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        mixed = softmax(query @ key.transpose(-1, -2) / HEAD**0.5, -1) @ value
        mixed = layer(block + "attention.output.dense", mixed.transpose(1, 2).flatten(2))
        stream = norm(block + "attention.output.LayerNorm", stream + mixed)
        widened = gelu(layer(block + "intermediate.dense", stream))
        stream = norm(block + "output.LayerNorm", stream + layer(block + "output.dense", widened))
    return layer("classifier", stream.mean(1))


def activations(weights: Weights, x: Tensor) -> Activations:
    """By the name of each layer and norm, `[samples, neurons]`."""
    seen: dict[str, Array] = {}
    with torch.no_grad():
        forward(tensors_of(weights), x, seen)
    return seen
