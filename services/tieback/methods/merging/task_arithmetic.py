"""Task arithmetic: the base and the sum of what each expert's training changed, times a factor.

"Editing Models with Task Arithmetic" (Ilharco et al., 2023, arXiv:2212.04089).
"""

from __future__ import annotations

from collections.abc import Sequence

from tieback.methods.merging import Scale, Weights, mergings, with_task_vectors


@mergings.method
def task_arithmetic(base: Weights, experts: Sequence[Weights], *, scale: Scale = 0.3) -> Weights:
    """`base + scale Σ (expert - base)`."""
    return with_task_vectors(base, experts, scale)
