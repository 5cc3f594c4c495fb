"""The last token of a text, where a causal model has read all of it (Wang et al., 2023, arXiv:2401.00368)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tieback.methods.pooling import poolings


@poolings.method
def last(states: Sequence[Tensor], sizes: Tensor) -> Tensor:
    """The last place that is not padding, whether padding stands before the text or behind it."""
    tokens = states[-1]
    places = torch.arange(tokens.shape[1]) * (sizes > 0)
    chosen = places.argmax(dim=1)[:, None, None].expand(-1, 1, tokens.shape[2])
    return tokens.gather(1, chosen)[:, 0]
