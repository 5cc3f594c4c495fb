"""Task arithmetic over the parameters that several experts need (consensus merging).

"Localizing Task Information for Improved Model Merging and Compression" (Wang et al., 2024,
arXiv:2405.07813): parameters that the masks of fewer than `agreeing` experts hold are left at the base. With
1 those that no expert needs go, with 2 also those that one alone needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field
from tieback.methods.merging import Scale, Weights, added, mergings, summed, task_vectors

from tieback_lab.methods.merging.tall_masks import Threshold, masks


@mergings.method
def consensus(
    base: Weights,
    experts: Sequence[Weights],
    *,
    agreeing: Annotated[int, Field(ge=0)] = 2,
    scale: Scale = 0.3,
    threshold: Threshold = 0.4,
) -> Weights:
    """`base + scale` times the sum of the task vectors, where at least `agreeing` masks hold."""
    vectors = task_vectors(base, experts)
    total = summed(vectors)
    found = [masks(vector, total, threshold) for vector in vectors]
    kept = {name: sum(mask[name].astype(np.int16) for mask in found) >= agreeing for name in base}
    return added(base, {name: np.where(kept[name], total[name], 0) for name in base}, scale)
