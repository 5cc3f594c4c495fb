"""Answerability by a network that reads the question and each sentence together, learned.

A cross-encoder (Nogueira and Cho, 2019, arXiv:1901.04085): the layers of a sentence encoder, trained on, also
with questions without an answer that look answerable, as in SQuAD 2.0 (Rajpurkar et al., 2018,
arXiv:1806.03822). It reads the sentences of all passages, each with the headings above it and the end of the
sentence before it, so that it chooses what is quoted and judges it at once. Its logit is weighed with exact
features of words by a logistic regression. It is learned by `tieback train question_reading`.

What it knows is in its training data: English questions of some kinds of texts. Its features are weighed on
sources that it has not learned from, and no source has quite the same (docs/answers.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array

from tieback.core.state import State
from tieback.methods.answerability import Judgement, answerabilities
from tieback.methods.answerability.question_alignment import threshold_of
from tieback.methods.grounding import Passage, Statement

STATE = {"weight": ("features",), "bias": ("one",), "precisions": ("levels", "two")}
"""Weights of the features of a sentence; thresholds of the probability of the best one, and which share of
what is quoted from there on is right."""

READS_QUOTES = True
"""Tell whether a network beside the state reads the sentences."""

CERTAIN, LIKELY, ANSWERED = 0.8, 0.55, 0.4
"""The shares of right quotes from which on a quote is shown as the answer, as where the answer probably is,
and at all."""

Share = Annotated[float, Field(ge=0, le=1)]


@answerabilities.method
def question_reading(
    question: Statement, passages: Sequence[Passage], state: State, *, wanted_precision: Share = ANSWERED
) -> Judgement:
    """The probability that each passage answers the question, by its best sentence; of one without, 0.

    It is answered from the threshold on from which the share `wanted_precision` of quotes was right; it is
    certain from where the share is `CERTAIN` on, and likely from `LIKELY` on.
    """
    scores, quotes = np.zeros(len(passages)), {}
    for place, features in question.readings.items():
        quotes[place] = likelihood(features, state)
        scores[place[0]] = max(scores[place[0]], quotes[place])
    threshold, certain, likely = (threshold_of(one, state) for one in (wanted_precision, CERTAIN, LIKELY))
    return Judgement(scores, threshold, certain, likely, quotes)


def likelihood(features: Array, state: State) -> float:
    """Likelihood that a sentence with these features `[features]` answers the question."""
    odds = float(features @ state["weight"] + state["bias"][0])
    return float(1 / (1 + np.exp(-np.clip(odds, -30, 30))))
