"""Generative fusion decoding (Hsu et al., 2024, arXiv:2405.14259).

A recognised text may end within a token of the language model, so the tokenizer's own cutting of it is the
worst that the model could be asked for: "The presi" is improbable as tokens, although "The president" is
not. The probability of a text's bytes is summed over all ways in which the model may have gone on: by the
tokenizer's own tokens, or from each of their places on by one longer token that begins with the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field
from tieback.methods.recognition_fusion import Hypothesis, recognition_fusions
from tieback_contract.arrays import Array

from tieback_lab.methods.recognition_fusion._reading import Reading


@recognition_fusions.method
def gfd(
    hypotheses: Sequence[Hypothesis],
    *,
    weight: Annotated[float, Field(ge=0, le=1)] = 0.2,
    temperature: Annotated[float, Field(gt=0, le=100)] = 1.7,
) -> Array:
    """`(1 - weight)` of the recogniser's mean log-probability a token, and `weight` of the model's.

    `temperature` divides the language model's logits. Without a reading, and of an empty text, the model
    says nothing; with `weight` 0 the recogniser is alone.
    """
    scores = np.empty(len(hypotheses))
    for place, one in enumerate(hypotheses):
        own = one.log_probability / max(one.tokens, 1)
        if weight == 0 or one.reading is None or not one.reading.ranks:
            scores[place] = (1 - weight) * own
            continue
        language, tokens = log_probability(one.reading, temperature)
        scores[place] = (1 - weight) * own + weight * language / tokens
    return scores


def log_probability(reading: Reading, temperature: float) -> tuple[float, int]:
    """The log-probability that the model's text begins with these bytes.

    With it the number of tokens of the way that has the largest part in it, which is what it is divided by.
    """
    chain = np.zeros(len(reading.ranks) + 1)  # before each token, and after the last
    for place, (rank, distribution) in enumerate(zip(reading.ranks, reading.distributions, strict=True)):
        chain[place + 1] = chain[place] + distribution.of(rank, temperature)
    ways = [float(chain[-1])]
    tokens = [len(reading.ranks)]
    for cut in reading.cuts:
        longer = reading.distributions[cut.place].of_range(cut.begin, cut.end, temperature)
        ways.append(float(chain[cut.place]) + longer)
        tokens.append(cut.place + 1)
    every = np.array(ways)
    most = int(every.argmax())
    return float(every[most] + np.log(np.exp(every - every[most]).sum())), tokens[most]
