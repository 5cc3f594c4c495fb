"""Visual contrastive decoding, VCD (Leng et al., 2023, arXiv:2311.16922), over the words of evidence.

Scores are (1 + alpha) · logits with the evidence − alpha · logits with noise in it: what the model says
although it can hardly read the evidence is damped. In the paper the evidence is a picture and the noise
Gaussian. Here it is a text, and a share of its words is masked, drawn by the request's seed. With all words
masked it comes near `context_aware`, which leaves the evidence out. Without evidence it is plain decoding.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from tieback.methods.decoding import PLAIN, EvidenceTransform, Step, Stream, among_plausible, decodings
from tieback_contract.arrays import Array


def streams(*, noise: float) -> tuple[Stream, ...]:
    """The model with the evidence, and with noise in it."""
    return (PLAIN, Stream(EvidenceTransform("mask", noise)))


@decodings.method
def vcd(
    step: Step,
    *,
    alpha: Annotated[float, Field(ge=0, le=10)] = 1.0,
    noise: Annotated[float, Field(ge=0, le=1)] = 0.5,
    plausibility: Annotated[float, Field(ge=0, le=1)] = 0.1,
) -> Array:
    """Contrasts the two streams.

    `alpha` 0 is plain decoding, and so is `noise` 0, the share of words that are masked. `plausibility` drops
    tokens that, with the evidence as it is, are less than this share as probable as the likeliest.
    """
    _, noisy = streams(noise=noise)
    given = step.logits[PLAIN]
    return among_plausible(given + alpha * (given - step.logits[noisy]), given, plausibility)
