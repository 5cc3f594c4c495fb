"""Maximal marginal relevance (MMR; Carbonell and Goldstein, SIGIR 1998): hits that are relevant and differ.

The next hit is always the one of the largest (1 − d) · relevance − d · similarity, where d is the diversity
and the similarity is that to the most similar hit before it. (The paper's λ is 1 − d.) Relevance is the score
within the range of the candidates, 0 to 1, so that any fusion can be diversified. It fails where similar
vectors do not mean the same content: photos of one kind, for instance, are all similar.
"""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.order import first_of_best

_CANDIDATES_PER_HIT = 4
_FEWEST_CANDIDATES, _MOST_CANDIDATES = 100, 1000


def candidates_for(limit: int) -> int:
    """How many of the best hits so many are chosen of; `limit` is at most 1000."""
    return min(max(_CANDIDATES_PER_HIT * limit, _FEWEST_CANDIDATES), _MOST_CANDIDATES)


def diversified(scores: Array, vectors: Array, diversity: float, limit: int) -> list[int]:
    """The places of at most `limit` candidates in the order in which they are chosen, the best first.

    `scores` `[n]` descend, `vectors` are `[n, width]`, `diversity` is above 0 and at most 1. A similarity is
    a cosine, and a negative one counts as 0. Of equal candidates the one with the better score is chosen.
    """
    if not len(scores):
        return []
    spread = float(scores[0] - scores[-1])
    relevance = (scores - scores[-1]).astype(np.float64) / (spread or 1.0)
    exact = vectors.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    unit = (exact / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
    similarities = unit @ unit.T
    nearest = np.zeros(len(scores))  # to what is chosen
    chosen: list[int] = []
    for _ in range(min(limit, len(scores))):
        marginal = (1 - diversity) * relevance - diversity * nearest
        marginal[chosen] = -np.inf
        best = first_of_best(marginal)
        chosen.append(best)
        nearest = np.maximum(nearest, similarities[best])
    return chosen
