"""Weighted mean of the experts' weights; the base takes no part.

Experts that were trained from one base on different tasks lie in one basin, so that points between them are
good models too: "UnIVAL: Unified Model for Image, Video, Audio and Language Tasks" (Shukor et al., 2023,
arXiv:2307.16184) for multimodal experts, "Model soups" (Wortsman et al., 2022, arXiv:2203.05482) for one
task. Experts of different bases do not, and their mean is worth nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tieback.methods.merging import Weight, Weights, mergings, shares_of


@mergings.method
def linear(base: Weights, experts: Sequence[Weights], *, weights: tuple[Weight, ...] = ()) -> Weights:
    """The sum of the experts, each times its share; equal shares where no `weights` are given."""
    shares = shares_of(weights, len(experts))
    merged = {name: np.zeros(array.shape, np.float32) for name, array in base.items()}
    for share, expert in zip(shares, experts, strict=True):
        for name, array in merged.items():
            array += np.float32(share) * expert[name]
    return merged
