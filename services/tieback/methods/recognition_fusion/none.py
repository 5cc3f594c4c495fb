"""The recogniser alone: its mean log-probability a token."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array

from tieback.methods.recognition_fusion import Hypothesis, recognition_fusions


@recognition_fusions.method
def none(hypotheses: Sequence[Hypothesis]) -> Array:
    """No language model takes part."""
    return np.array([one.log_probability / max(one.tokens, 1) for one in hypotheses], np.float64)
