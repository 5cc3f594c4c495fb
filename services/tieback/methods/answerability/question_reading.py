"""Answerability by a network that reads the question and each sentence together, learned.

A cross-encoder (Nogueira and Cho, 2019, arXiv:1901.04085): the layers of a sentence encoder, trained on, also
with questions without an answer that look answerable, as in SQuAD 2.0 (Rajpurkar et al., 2018,
arXiv:1806.03822). It reads the sentences of all passages, each with the headings above it and the end of the
sentence before it, so that it chooses what is quoted and judges it at once. It is learned by `tieback train
question_reading`.

What it knows is in its training data: English questions of some kinds of texts. Its probabilities are
calibrated on sources that it has not learned from, and no source has quite the same (docs/answers.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from tieback.core.state import State
from tieback.methods.answerability import Judgement, answerabilities
from tieback.methods.answerability.question_alignment import threshold_of
from tieback.methods.grounding import Passage, Statement

STATE = {"calibration": ("two",), "precisions": ("levels", "two")}
"""Slope and offset of the logit of the best sentence; thresholds of its probability, and which share of what
is quoted from there on is right."""

READS_QUOTES = True
"""Tell whether a network beside the state reads the sentences."""

CERTAIN, LIKELY = 0.8, 0.45
"""The shares of right quotes from which on a quote is shown as the answer, and as where the answer probably
is."""

Share = Annotated[float, Field(ge=0, le=1)]


@answerabilities.method
def question_reading(
    question: Statement, passages: Sequence[Passage], state: State, *, wanted_precision: Share = 0.3
) -> Judgement:
    """The probability that each passage answers the question, by its best sentence; of one without, 0.

    It is answered from the threshold on from which the share `wanted_precision` of quotes was right; it is
    certain from where the share is `CERTAIN` on, and likely from `LIKELY` on.
    """
    slope, offset = state["calibration"].tolist()
    scores, quotes = np.zeros(len(passages)), {}
    for place, logit in question.readings.items():
        quotes[place] = float(1 / (1 + np.exp(-np.clip(slope * logit + offset, -30, 30))))
        scores[place[0]] = max(scores[place[0]], quotes[place])
    threshold, certain, likely = (threshold_of(one, state) for one in (wanted_precision, CERTAIN, LIKELY))
    return Judgement(scores, threshold, certain, likely, quotes)
