"""Reranking: a closer look at candidates, token by token, with the alignment as the explanation."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from tieback.core.family import Family
from tieback.core.types import Array


class Alignments(NamedTuple):
    """What a method found, for each candidate.

    `scores` `[candidates]`, higher is better; `similarities` and `weights` `[candidates, query tokens,
    candidate tokens]`: the cosine of each pair, and how much the pair counts in the score (a candidate's
    weights sum to 1). `plans` are the weights again where they are a transport plan, else None.
    """

    scores: Array
    similarities: Array
    weights: Array
    plans: Array | None = None


class Reranking(Protocol):
    """A way to compare a query with candidates token by token."""

    def __call__(self, query: Array, tokens: Array, mask: Array) -> Alignments:
        """Compares `query` `[m, width]` with `tokens` `[candidates, n, width]`, all rows normalised.

        `mask` `[candidates, n]` (bool) is False at padding; every candidate has at least one token.
        """
        ...


rerankings: Family[Reranking] = Family(__name__, Reranking)


def cosines(query: Array, tokens: Array) -> Array:
    """`[candidates, m, n]` from normalised rows, float64."""
    flat = tokens.reshape(-1, tokens.shape[-1]) @ query.T  # one large product beats one per candidate
    similarities = flat.reshape(*tokens.shape[:2], len(query)).transpose(0, 2, 1)
    return similarities.astype(float)
