"""Weights of blocks that are the same for all inputs.

Of several spaces that encode the same kind of thing, the weights are those by which partners are separated
best. They are what a router's scores are drawn towards for blocks of one kind: which of three encoders of
texts finds a sentence's partner is a fact about the encoders, and a router that was to learn it from single
inputs would be less sure of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.models.joint.artifact import BoundRouter

TEMPERATURE = 0.05
MOST, STEPS = 2000, 30


def fixed(modality: Modality, weights: Mapping[str, float]) -> BoundRouter:
    """The same weights for all queries of the modality."""
    return BoundRouter(modality, (), "explicit", {"weights": dict(weights)}, {})


def block_priors(
    queries: Sequence[Array], documents: Sequence[Array], groups: Array | None = None, *, trust: float = 1.0
) -> Array:
    """Weights `[spaces]`, which sum to 1, from unit rows `[pairs, width]` of each space, partners in place.

    They make partners most likely among all documents (InfoNCE, both ways) when each space's cosine counts by
    its weight; `trust` is how far they are followed, and the rest is equal weights. Rows of one `groups`
    number `[pairs]` are never separated.
    """
    count = min(len(queries[0]), MOST)
    chosen = np.linspace(0, len(queries[0]) - 1, count).astype(int)
    cosines = np.stack([one[chosen] @ other[chosen].T for one, other in zip(queries, documents, strict=True)])
    numbers = chosen if groups is None else np.asarray(groups)[chosen]
    alike = (numbers[:, None] == numbers) & ~np.eye(count, dtype=bool)
    import torch
    from torch.nn.functional import cross_entropy

    near, right = torch.from_numpy(cosines / TEMPERATURE), torch.arange(count)
    never = torch.from_numpy(alike)
    logits = torch.zeros(len(cosines), requires_grad=True)
    optimiser = torch.optim.LBFGS([logits], max_iter=STEPS, line_search_fn="strong_wolfe")

    def step() -> float:
        optimiser.zero_grad()
        scores = torch.tensordot(logits.softmax(0), near, 1).masked_fill(never, -torch.inf)
        loss = (cross_entropy(scores, right) + cross_entropy(scores.T, right)) / 2
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        return loss.item()

    optimiser.step(step)  # type: ignore[no-untyped-call]  # torch's own
    fitted = logits.detach().softmax(0).numpy()
    return np.asarray(trust * fitted + (1 - trust) / len(fitted))


def scores_for(weights: Array, sharpness: float) -> Array:
    """The scores, 1 for the largest, that a softmax of this sharpness makes the weights of."""
    return np.asarray(np.clip(1 + np.log(weights / weights.max()) / sharpness, 0, 1))
