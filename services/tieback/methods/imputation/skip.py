"""Leaves a missing block empty.

A baseline for MultiModN (Swamy et al., 2023, arXiv:2309.14118), which passes a state through the encoders of
the modalities that are there and skips the others. There is no state here: the result is exactly as if the
block's encoder were never called. Nothing is imputed, so nothing can be learned from what is missing, nor go
wrong by it. The other blocks share its weight.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.state import Schema, State
from tieback.methods.imputation import imputations, present_rows

STATE: Schema = {}


@imputations.method
def skip(blocks: Sequence[Array], present: Array, state: State) -> tuple[list[Array], Array]:  # noqa: ARG001 - needs none
    """What is present, and nothing filled."""
    rows, known = present_rows(blocks, present)
    return rows, np.zeros_like(known)


def fit(blocks: Sequence[Array]) -> State:  # noqa: ARG001 - there is nothing to learn
    """Nothing."""
    return {}
