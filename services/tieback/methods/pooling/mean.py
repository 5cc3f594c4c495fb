"""The mean of the tokens that are there (Reimers and Gurevych, 2019, arXiv:1908.10084)."""

from __future__ import annotations

from torch import Tensor

from tieback.methods.pooling import poolings


@poolings.method
def mean(tokens: Tensor, mask: Tensor) -> Tensor:
    """Every text has a token, so the sum of its mask is at least 1."""
    weights = mask[..., None]
    return (tokens * weights).sum(dim=1) / weights.sum(dim=1)
