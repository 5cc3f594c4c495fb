"""The largest value that any token has, in each dimension (Reimers and Gurevych, 2019, arXiv:1908.10084)."""

from __future__ import annotations

import torch
from torch import Tensor

from tieback.methods.pooling import poolings


@poolings.method
def max(tokens: Tensor, mask: Tensor) -> Tensor:
    """Padding has the smallest value there is, so it is never the largest."""
    least = torch.finfo(tokens.dtype).min
    return tokens.masked_fill(mask[..., None] == 0, least).amax(dim=1)
