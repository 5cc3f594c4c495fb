"""DOLG: the part of local features that is orthogonal to the global descriptor, added to it (Yang et al.,
2021, arXiv:2108.02927).

The global descriptor g is the generalized mean of the deep map behind a linear layer. A cell of the local map
becomes l = softplus(score) · x / |x| behind another: the score is attention, learned without labels of it. Of
each l only what is orthogonal to g is kept, o = l − (<l, g> / <g, g>) g, and the mean of these beside g goes
through a last linear layer. So the local half tells nothing that the global one tells already.

The paper puts a pyramid of dilated convolutions before the attention. The authors' released forward leaves it
out, and so does this: on 16 × 16 cells its dilations of 6 to 18 would see mostly padding. Every step is then
of one cell, and a region can be pooled from the picture's own maps. It fails where attention was never
trained on what is looked for: before training, all cells count alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field
from tieback.core.errors import InvalidInput
from tieback.core.state import State
from tieback.methods.projection import unit_rows, unit_tensor
from tieback_contract.arrays import Array

from tieback_lab.methods.map_pooling import Tensors, by_parts, cells, gem, map_poolings, whitening

if TYPE_CHECKING:
    from torch import Tensor

STATE = {
    "exponent": ("one",),
    "whole": ("deep", "inner"),
    "whole_bias": ("inner",),
    "local": ("local", "inner"),
    "local_bias": ("inner",),
    "attention": ("inner",),
    "attention_bias": ("one",),
    "fused": ("both", "width"),
    "fused_bias": ("width",),
}

INNER = 512
"""The width of g and of l where nothing else is asked for; the paper's is 1024, behind a larger network."""

EVEN = float(np.log(np.expm1(1.0)))
"""The score whose softplus is 1."""

LOCAL_QUARTER = 4
"""The local half gets one of so many parts of the width when training starts."""

SHORTEST = 1e-6
"""Of the local half, whose cells have a length of 1: shorter is rounding."""

MOST_CELLS = 50_000
"""So many cells are enough to whiten by."""


@map_poolings.method
def dolg(local: Array, deep: Array, state: State) -> Array:
    """normalise([g; mean of o] F + b)."""
    whole = gem.pooled(deep, state)
    parts = orthogonal(attended(local, state), whole).mean(axis=1)
    both = np.concatenate([whole, parts.astype(np.float32)], axis=1)
    return unit_rows(both @ state["fused"] + state["fused_bias"])


def graph(local: Tensor, deep: Tensor, state: Tensors) -> Tensor:
    """The method in torch: the orthogonal part of the mean is the mean of the parts, and cheaper."""
    import torch  # a graph is made by recipes; describing the method imports none
    from torch.nn.functional import softplus

    whole = gem.pooled_tensor(deep, state)
    values = local.flatten(2).transpose(1, 2) @ state["local"] + state["local_bias"]
    score = values.relu() @ state["attention"] + state["attention_bias"]
    weights = softplus(score) / values.norm(dim=2).clamp_min(SHORTEST)
    mean = (weights[:, None] @ values)[:, 0] / int(values.shape[1])
    direction = unit_tensor(whole)
    part = mean - (mean * direction).sum(dim=1, keepdim=True) * direction
    return unit_tensor(torch.cat([whole, part], dim=1) @ state["fused"] + state["fused_bias"])


def fit(
    local: Array,
    deep: Array,
    *,
    width: int,
    seed: int = 0,
    inner: Annotated[int, Field(ge=1)] | None = None,
    exponent: Annotated[float, Field(ge=1)] = 3.0,
    shrinkage: Annotated[float, Field(gt=0)] = 0.1,
    share: Annotated[float, Field(ge=0)] = 0.25,
) -> State:
    """Whitened halves side by side, all cells attended alike.

    `inner` is the width of either half inside, as far as the deep map has channels for it. `share` is how
    long the local half is, beside a global half of length 1.
    """
    inner = inner or min(INNER, deep.shape[1])
    beside = gem.fit(local, deep, width=inner, exponent=exponent, shrinkage=shrinkage)
    known = min(local.shape[1], inner)
    sample = cells(local).reshape(-1, local.shape[1])
    every = -(-len(sample) // MOST_CELLS)
    narrow, offset = whitening(np.asarray(sample[::every], np.float32), known, shrinkage)
    spread = np.linalg.qr(np.random.default_rng(seed).normal(size=(inner, known)))[0].T.astype(np.float32)
    state = {
        **beside,
        "local": narrow @ spread,
        "local_bias": offset @ spread,
        "attention": np.zeros(inner, np.float32),
        "attention_bias": np.array([EVEN], np.float32),
    }
    local_kept = max(1, min(known, width // LOCAL_QUARTER), width - inner)
    whole_kept = width - local_kept
    if whole_kept < 1 or local_kept > known:
        raise InvalidInput(f"the two halves give 2 to {inner + known} dimensions", field="width")
    whole = by_parts(lambda maps: gem.pooled(maps, state), deep)
    parts = by_parts(
        lambda one, two: orthogonal(attended(one, state), gem.pooled(two, state)).mean(axis=1), local, deep
    )
    kept = parts @ spread[:local_kept].T
    scale = share * _length(whole[:, :whole_kept]) / max(_length(kept - kept.mean(axis=0)), SHORTEST)
    fused, bias = np.zeros((2 * inner, width), np.float32), np.zeros(width, np.float32)
    fused[:whole_kept, :whole_kept] = np.eye(whole_kept)
    fused[inner:, whole_kept:] = scale * spread[:local_kept].T
    bias[whole_kept:] = -scale * kept.mean(axis=0)
    return {**state, "fused": fused, "fused_bias": bias}


def attended(local: Array, state: State) -> Array:
    """softplus(score) · x / |x| for each cell: `[n, cells, inner]` of maps `[n, channels, rows, columns]`."""
    values = cells(np.asarray(local, np.float32)) @ state["local"] + state["local_bias"]
    score = np.maximum(values, 0) @ state["attention"] + state["attention_bias"]
    lengths = np.maximum(np.linalg.norm(values, axis=2, keepdims=True), np.finfo(np.float32).tiny)
    return np.asarray(np.logaddexp(score, 0)[..., None] * (values / lengths), np.float32)


def orthogonal(local: Array, whole: Array) -> Array:
    """What of `local` `[n, cells, inner]` is orthogonal to `whole` `[n, inner]`, in float64.

    Where `whole` is zeros, all of it is.
    """
    across, features = whole.astype(np.float64), local.astype(np.float64)
    squares = np.maximum((across**2).sum(axis=1), np.finfo(np.float64).tiny)
    along = np.einsum("ncd,nd->nc", features, across) / squares[:, None]
    return np.asarray(features - along[..., None] * across[:, None])


def _length(rows: Array) -> float:
    """The root of the mean square of the rows' lengths."""
    return float(np.sqrt((rows.astype(np.float64) ** 2).sum(axis=1).mean()))
