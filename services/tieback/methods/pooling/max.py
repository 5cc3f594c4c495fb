"""The largest value that any token has, in each dimension (Reimers and Gurevych, 2019, arXiv:1908.10084)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tieback.methods.pooling import poolings


@poolings.method
def max(states: Sequence[Tensor], sizes: Tensor) -> Tensor:
    """Padding has the smallest value there is, so it is never the largest."""
    tokens = states[-1]
    least = torch.finfo(tokens.dtype).min
    return tokens.masked_fill(sizes[..., None] == 0, least).amax(dim=1)
