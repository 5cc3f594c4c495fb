"""A map for each part into one space, learned from noisy pairs by a symmetric softmax (ALIGN).

Jia et al., 2021 (arXiv:2102.05918). Parts of one thing, or of things that belong together, are to find each
other among the batch, both ways, with a learned temperature and smoothed labels: a pair that is wrong costs
little, so many noisy pairs may stand in for few clean ones. A thing is the sum of its parts' unit vectors,
as a photo and words are added in the paper.

The paper's encoders are trained as wholes on 1.8 billion pairs; here they stay as they are, and each has a
linear map that begins as a canonical correlation analysis has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tieback.core.state import State
from tieback_contract.arrays import Array

from tieback_lab.methods.fusion import Rows, There, fusions
from tieback_lab.methods.fusion import _tokens as shared
from tieback_lab.methods.fusion._learning import Known, drawn_partners, in_torch, last, learned, served

SMOOTHING = 0.1
RIDGE = 1.0
"""Added to the variances, each 1, of what the maps begin with."""
LONG = 10.0
"""Length of what the maps begin with: vectors do not depend on it, and a step turns long maps less."""
UNREAD = 0.8
"""Share of a vector's numbers that a step does not read, else maps learn a few thousand pairs by heart."""
HOTTEST = 100.0
"""The largest factor of the cosines, one by the temperature."""
STATE = {**shared.SHARED, "out": ("inner", "width")}


@fusions.method
def align(rows: Rows, there: There, condition: Array | None, state: State) -> Array:
    """normalise(Σ normalise(W_p h_p)) over the parts that are there."""
    return served(states, rows, there, condition, state)


def start(rows: Rows, there: There, sizes: shared.Sizes, draw: np.random.Generator) -> dict[str, Array]:
    """The arrays that training begins with: maps of a regularised canonical correlation analysis."""
    begun = shared.start_with(STATE, rows, there, sizes, draw)
    seen = [shared.mean(np, one.astype(np.float64), mask) for one, mask in zip(rows, there, strict=True)]
    has = np.stack([mask.any(axis=1) for mask in there], 1)
    ends = np.cumsum(sizes.parts)[:-1]
    middles, scales = (np.split(begun[name].astype(np.float64), ends) for name in ("mean", "scale"))
    maps = _correlated(
        [(one - m) * s for one, m, s in zip(seen, middles, scales, strict=True)], has, sizes.inner
    )
    begun["enter"] = LONG * np.concatenate(maps).astype(np.float32)
    begun["part"] = np.zeros_like(begun["part"])
    begun["out"] = LONG * np.eye(sizes.inner, sizes.width, dtype=np.float32)
    return begun


def _correlated(seen: Sequence[Array], has: Array, inner: int) -> list[Array]:
    """Maps `[width of a part, inner]` under which parts of a thing agree (MAXVAR; Kettenring, 1971).

    A direction is weighted by how far it agrees.
    """
    whitened = []
    for place, one in enumerate(seen):
        own = one[has[:, place]]
        values, vectors = np.linalg.eigh(own.T @ own / max(len(own), 1) + RIDGE * np.eye(own.shape[1]))
        whitened.append(vectors / np.sqrt(values))
    blocks = [
        [_agreement(seen, has, whitened, one, other) for other in range(len(seen))]
        for one in range(len(seen))
    ]
    values, vectors = np.linalg.eigh(np.block(blocks))
    best = np.argsort(-values)[:inner]
    shares = np.split(vectors[:, best] * values[best] ** 2, np.cumsum([one.shape[1] for one in seen])[:-1])
    maps = [white @ share for white, share in zip(whitened, shares, strict=True)]
    return [np.pad(one, ((0, 0), (0, inner - one.shape[1]))) for one in maps]


def _agreement(seen: Sequence[Array], has: Array, whitened: Sequence[Array], one: int, other: int) -> Array:
    """The covariance of two whitened parts, over things that have both."""
    both = has[:, one] & has[:, other]
    between = seen[one][both].T @ seen[other][both] / max(both.sum(), 1)
    return np.asarray(whitened[one].T @ between @ whitened[other])


def states(xp: Any, rows: Any, there: Any, condition: Any, state: Any) -> list[Known]:  # noqa: ARG001
    """The one state."""
    towers, present = _towers(xp, rows, there, state)
    return last(shared.mean(xp, towers, present), there)


def _towers(xp: Any, rows: Any, there: Any, state: Any) -> tuple[Any, Any]:
    """Unit vectors of the parts `[n, parts, width]`, and which there are `[n, parts]`."""
    seen = shared.tokens(xp, rows, there, state)
    return shared.unit(seen.by_part @ state["out"]), seen.present


def _pairs(module: Any, data: Any, plan: Any, draw: Any) -> tuple[Any, Any]:
    """Of two things of each group, or of one with itself: the mean loss over all pairs of their parts."""
    import torch
    from torch.nn.functional import cross_entropy, dropout

    sides = drawn_partners(data, plan.batch, draw)
    views = [data.view(side, 0.0, draw) for side in sides]
    given = [([dropout(one, UNREAD) for one in rows], there) for rows, there, _ in views]
    (ours, has), (theirs, others) = (_towers(torch, *one, module.state) for one in given)
    factor = module.state["sharpness"].exp().clamp(max=HOTTEST)
    losses = [(ours * 0).sum()]
    for own in range(ours.shape[1]):
        for other in range(ours.shape[1]):
            both = has[:, own] & others[:, other] & ((sides[0] != sides[1]) | (own != other))
            scores = factor * ours[both, own] @ theirs[both, other].T
            if len(scores) > 1:
                right = torch.arange(len(scores))
                losses += [
                    cross_entropy(each, right, label_smoothing=SMOOTHING) for each in (scores, scores.T)
                ]
    return torch.stack(losses).sum() / max(len(losses) - 1, 1), views[0]


fit = learned(start, states, partners=_pairs, batch=512)
graph = in_torch(states)
