"""Decoding by contrasting layers, DoLa (Chuang et al., 2023, arXiv:2309.03883).

The last layer is the expert and a lower, premature layer of the same run the amateur: what the upper layers
add, where facts are found to form, is amplified. At each step the premature layer is the candidate whose
distribution has the largest Jensen-Shannon divergence from the last layer's. DoLa needs no second prompt;
each candidate costs one more product with the head.

DoLa is a special case of `lol`, in this sense: with one candidate its scores are those of `lol` with
`omega` 0 whose amateur is not another prompt but that exit of the expert itself. The paper measured models
from 7 billion parameters on.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from tieback.methods.decoding import (
    PLAIN,
    Step,
    Stream,
    among_plausible,
    contrast,
    decodings,
    log_probabilities,
)
from tieback_contract.arrays import Array

BUCKETS = {"low": range(1, 8), "high": range(8, 16)}
"""Sixteenths of the depth: of 32 layers the paper's even ones, without the embedding."""

LEAST = np.finfo(np.float32).tiny


def streams(*, bucket: Literal["low", "high"], layers: tuple[float, ...]) -> tuple[Stream, ...]:
    """The model after its last layer, then after each candidate."""
    candidates = layers or [sixteenth / 16 for sixteenth in BUCKETS[bucket]]
    return (PLAIN, *(Stream(layer=layer) for layer in candidates))


@decodings.method
def dola(
    step: Step,
    *,
    bucket: Literal["low", "high"] = "high",
    layers: Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(max_length=16)] = (),
    plausibility: Annotated[float, Field(ge=0, le=1)] = 0.1,
) -> Array:
    """Contrasts the last layer with the candidate that is farthest from it.

    The candidates are eight layers of the upper half (`bucket` high, the paper's choice for short factual
    answers) or seven of the lower, or the `layers` that are named: numbers, or fractions of the depth below
    1. `plausibility` drops tokens that the last layer holds for less than this share as probable as the
    likeliest.
    """
    last = step.logits[PLAIN]
    candidates = np.stack([step.logits[stream] for stream in streams(bucket=bucket, layers=layers)[1:]])
    premature = candidates[int(divergences(last, candidates).argmax())]
    return among_plausible(contrast(last, premature), last, plausibility)


def divergences(logits: Array, others: Array) -> Array:
    """Jensen-Shannon divergences in nats `[n]` of `logits` `[vocabulary]` from `others` `[n, vocabulary]`."""
    ours, theirs = log_probabilities(logits), log_probabilities(others)
    probabilities, other_probabilities = np.exp(ours), np.exp(theirs)
    mean = (probabilities + other_probabilities) / 2
    entropy = -(mean * np.log(np.maximum(mean, LEAST))).sum(axis=-1)
    own_entropies = -(probabilities @ ours + (other_probabilities * theirs).sum(axis=-1)) / 2
    return np.asarray(entropy - own_entropies)
