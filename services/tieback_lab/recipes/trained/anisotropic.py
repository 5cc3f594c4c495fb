"""Experts of one base merged by a learned factor for each expert and tensor (aTLAS).

Zhang et al., 2024, arXiv:2407.02880: `base + Σ Λ[expert, tensor] (expert - base)`, of which Λ alone learns.
Here it learns by a contrast of pairs of texts, from where task arithmetic does best on them. Each file of
data is a domain: partners are told apart from other texts of their file. The report has, on pairs that
nothing was chosen by, task arithmetic and TIES with the scales that suit the other pairs best.

The result is an encoder of its own. `tieback models merge --method anisotropic --learn PAIRS` runs this.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from tieback.recipes.trained import Learned, TrainingRun, recipes

from tieback_lab.recipes.trained._merging import Choices, Name, learned_merge

MAKES = "an encoder of texts, merged of experts"


@recipes.method
def anisotropic(
    run: TrainingRun,
    *,
    name: Name = "merged",
    base: str = "all-minilm-l6-v2",
    experts: tuple[str, ...] = (),
    isotropic: bool = False,
    pairs: Annotated[int, Field(ge=30)] = 1000,
    tokens: Annotated[int, Field(ge=4)] = 64,
    steps: Annotated[int, Field(ge=0)] = 60,
    batch: Annotated[int, Field(ge=2)] = 32,
    rate: Annotated[float, Field(gt=0)] = 0.03,
    temperature: Annotated[float, Field(gt=0)] = 0.05,
    patience: Annotated[int, Field(ge=0)] = 3,
    seed: int = 0,
) -> Learned:
    """The model `name` of `experts`, which were trained from `base`, by at most `pairs` pairs of each file.

    `isotropic` has one factor for all tensors of an expert. While it learns, texts are cut to `tokens`.
    """
    from tieback.training.loop import Plan

    from tieback_lab.recipes.train.learned_merging import Scales

    plan = Plan(steps, rate, 0.0, look_every=10, patience=patience, seed=seed)
    return learned_merge(
        run, "anisotropic", Choices(name, base, experts, pairs, tokens, batch, temperature, plan),
        lambda merged, scale: Scales(merged, scale, isotropic=isotropic), {"isotropic": isotropic},
    )  # fmt: skip
