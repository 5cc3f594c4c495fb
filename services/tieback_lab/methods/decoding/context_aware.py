"""Context-aware decoding (Shi et al., 2023, arXiv:2305.14739).

Scores are (1 + alpha) · logits with the evidence − alpha · logits without it: what the evidence adds is
amplified, and so what the model would have said anyway is damped. It helps where evidence and the model's
memory disagree; where they agree it mostly sharpens the distribution, so sampled text should be compared with
plain decoding at a lower temperature.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from tieback.methods.decoding import PLAIN, Step, Stream, among_plausible, decodings, without_evidence
from tieback_contract.arrays import Array

WITHOUT_EVIDENCE = Stream(without_evidence)


def streams() -> tuple[Stream, ...]:
    """The model with the evidence, and without it."""
    return (PLAIN, WITHOUT_EVIDENCE)


@decodings.method
def context_aware(
    step: Step,
    *,
    alpha: Annotated[float, Field(ge=0, le=10)] = 0.5,
    plausibility: Annotated[float, Field(ge=0, le=1)] = 0.0,
) -> Array:
    """Contrasts the two streams.

    `alpha` 0 is plain decoding. `plausibility` drops tokens that, with the evidence, are less than this share
    as probable as the likeliest; the paper has no such constraint (0), and 0.1 is usual elsewhere.
    """
    given, without = step.logits[PLAIN], step.logits[WITHOUT_EVIDENCE]
    return among_plausible(given + alpha * (given - without), given, plausibility)
