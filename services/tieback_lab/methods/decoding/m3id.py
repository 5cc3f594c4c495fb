"""Mutual-information decoding, M3ID (Favero et al., 2024, arXiv:2403.14003), over evidence that is a text.

Scores are logits with the evidence + (1 − γ) / γ · the difference to logits without it, with γ = exp(−rate ·
t) for the token at the place t. The first token is that of plain decoding, and what the evidence adds is
amplified more and more as the answer grows, when the model looks less at the evidence and more at its own
words. In the paper the evidence is a picture, and where the model is sure of a token nothing is amplified.
Without evidence it is plain decoding. `context_aware` is the same with a weight that does not grow.
"""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field
from tieback.methods.decoding import (
    PLAIN,
    Step,
    Stream,
    among_plausible,
    decodings,
    log_probabilities,
    without_evidence,
)
from tieback_contract.arrays import Array

WITHOUT_EVIDENCE = Stream(without_evidence)

HEAVIEST = 100.0
"""The weight grows no further: the difference alone decides by then, and logits stay numbers."""


def streams() -> tuple[Stream, ...]:
    """The model with the evidence, and without it."""
    return (PLAIN, WITHOUT_EVIDENCE)


@decodings.method
def m3id(
    step: Step,
    *,
    rate: Annotated[float, Field(ge=0, le=1)] = 0.02,
    sure: Annotated[float, Field(ge=0, le=1)] = 1.0,
    plausibility: Annotated[float, Field(ge=0, le=1)] = 0.1,
) -> Array:
    """Contrasts the two streams, with a weight that grows.

    `rate` is how fast; 0 is plain decoding. Where the likeliest token with the evidence has at least the
    probability `sure`, nothing is amplified; 1 amplifies always. `plausibility` drops tokens that, with the
    evidence, are less than this share as probable as the likeliest; the paper has no such constraint (0).
    """
    given, without = step.logits[PLAIN], step.logits[WITHOUT_EVIDENCE]
    weight = min(math.expm1(min(rate * step.position, HEAVIEST)), HEAVIEST)  # (1 − γ) / γ
    if sure < 1.0 and log_probabilities(given).max() >= math.log(max(sure, 1e-300)):
        weight = 0.0
    return among_plausible(given + weight * (given - without), given, plausibility)
