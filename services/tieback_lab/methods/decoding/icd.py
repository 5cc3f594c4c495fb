"""Induce-then-contrast decoding, ICD (Zhang et al., 2023, arXiv:2312.15710), with an induced prompt.

Scores are (1 + alpha) · log p(expert) − alpha · log p(amateur), where the amateur is the same model told to
answer falsely. The paper's β · log p(expert) − log p(amateur) has the same order of tokens with alpha = 1 /
(β − 1); its amateur is, at its best, a model trained on false answers, and such a model is not served here.
`lol` with `omega` 0 is the difference alone, to which this comes as alpha grows.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from tieback.methods.decoding import (
    PLAIN,
    Step,
    Stream,
    amateur,
    among_plausible,
    contrast,
    decodings,
    log_probabilities,
)
from tieback_contract.arrays import Array

AMATEUR = Stream(amateur)


def streams() -> tuple[Stream, ...]:
    """The model asked as it should be, and asked for a wrong answer."""
    return (PLAIN, AMATEUR)


@decodings.method
def icd(
    step: Step,
    *,
    alpha: Annotated[float, Field(ge=0, le=10)] = 1.0,
    plausibility: Annotated[float, Field(ge=0, le=1)] = 0.1,
) -> Array:
    """Contrasts expert and amateur.

    `alpha` 0 is plain decoding; the default is ours. `plausibility` drops tokens that the expert holds for
    less than this share as probable as the likeliest.
    """
    expert = step.logits[PLAIN]
    scores = log_probabilities(expert)
    if alpha:
        scores = scores + alpha * contrast(expert, step.logits[AMATEUR])
    return among_plausible(scores, expert, plausibility)
