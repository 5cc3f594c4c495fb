"""Experts of one base merged in a learned mask of their parameters (Concrete subspaces).

Tang et al., 2023, arXiv:2312.06173: `base + scale · mask · Σ (expert - base)`, one mask for all experts,
whose mean is 1 in each tensor. The paper learns it by the entropy of predictions; here it learns by a
contrast of pairs of texts, and `scale` is what suits task arithmetic best on them. Each file of data is a
domain: partners are told apart from other texts of their file. The report has, on pairs that nothing was
chosen by, task arithmetic and TIES with the scales that suit the other pairs best.

The result is an encoder of its own. `tieback models merge --method concrete --learn PAIRS` runs this.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from tieback.recipes.trained import Learned, TrainingRun, recipes

from tieback_lab.recipes.trained._merging import Choices, Name, learned_merge

MAKES = "an encoder of texts, merged of experts"


@recipes.method
def concrete(
    run: TrainingRun,
    *,
    name: Name = "merged",
    base: str = "all-minilm-l6-v2",
    experts: tuple[str, ...] = (),
    relaxation: Annotated[float, Field(gt=0, le=10)] = 0.5,
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

    `relaxation` is the temperature of the mask: near 0 it is 0 or 1. While it learns, texts are cut to
    `tokens`.
    """
    from tieback.training.loop import Plan

    from tieback_lab.recipes.train.learned_merging import Mask

    plan = Plan(steps, rate, 0.0, look_every=10, patience=patience, seed=seed)
    return learned_merge(
        run, "concrete", Choices(name, base, experts, pairs, tokens, batch, temperature, plan),
        lambda merged, scale: Mask(merged, scale, temperature=relaxation), {"relaxation": relaxation},
    )  # fmt: skip
