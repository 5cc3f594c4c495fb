"""The mean of the tokens, each weighted by its place (Muennighoff, 2022, arXiv:2202.08904).

A causal model's later tokens have seen more of the text.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from tieback.methods.pooling import poolings


@poolings.method
def weighted_mean(states: Sequence[Tensor], sizes: Tensor) -> Tensor:
    """The first token that is there weighs 1, the second 2; a merged one has the places of all its tokens."""
    weights = (sizes * (sizes.cumsum(dim=1) - (sizes - 1) / 2))[..., None]
    return (states[-1] * weights).sum(dim=1) / weights.sum(dim=1)
