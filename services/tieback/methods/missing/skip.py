"""Leaves a missing block empty (MultiModN, Swamy et al., 2023, arXiv:2309.14118).

The result is exactly as if the block's encoder were never called: nothing is imputed, so nothing can be
learned from what is missing, nor go wrong by it. The others share its weight.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tieback.core.types.arrays import Array
from tieback.methods.missing import State, missing, speaking


@missing.method
def skip(blocks: Sequence[Array], spoke: Array, state: State) -> tuple[list[Array], Array]:  # noqa: ARG001 - needs none
    """What spoke, and nothing filled."""
    heard, said = speaking(blocks, spoke)
    return heard, np.zeros_like(said)


def fit(blocks: Sequence[Array]) -> State:  # noqa: ARG001 - there is nothing to learn
    """Nothing."""
    return {}
