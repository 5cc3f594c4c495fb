"""The mean of the tokens that are there (Reimers and Gurevych, 2019, arXiv:1908.10084)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from tieback.methods.pooling import poolings


@poolings.method
def mean(states: Sequence[Tensor], sizes: Tensor) -> Tensor:
    """A merged token counts as often as it stands for one. Every text has a token, so no sum is 0."""
    weights = sizes[..., None]
    return (states[-1] * weights).sum(dim=1) / weights.sum(dim=1)
