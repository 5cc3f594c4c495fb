"""Answerability by a network that reads the question and what would be quoted together, learned.

A cross-encoder (Nogueira and Cho, 2019, arXiv:1901.04085): the layers of a sentence encoder, trained on, also
with questions without an answer that look answerable, as in SQuAD 2.0 (Rajpurkar et al., 2018,
arXiv:1806.03822).
It reads the sentences that would be quoted, each alone with what it stands under, and its logit is weighed
with how near the nearest sentence of the passage is: of a passage about something else that alone says
enough. It is learned by `tieback train question_reading`.

What it knows is in its training data: English questions, most of them made by rules of claims. It misses
fewer of the questions that were written to look answerable than `question_alignment` does, and still many.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from tieback.core.state import State
from tieback.methods.answerability import Judgement, answerabilities
from tieback.methods.answerability.question_alignment import judged
from tieback.methods.grounding import Passage, Statement

STATE = {
    "nearness": ("one",), "calibration": ("two",), "precisions": ("levels", "two"),
}  # fmt: skip
"""As of `question_alignment`: how much the cosine of the nearest sentence counts beside the logit; slope and
offset of their sum; thresholds, and for which share of what is answered from there on there is an answer."""

READS_QUOTES = True
"""Whether a network beside the state reads what would be quoted."""

Share = Annotated[float, Field(ge=0, le=1)]


@answerabilities.method
def question_reading(
    question: Statement, passages: Sequence[Passage], state: State, *, wanted_precision: Share = 0.6
) -> Judgement:
    """The probability that each passage answers the question, by its best quote; of one without, 0.

    It is answered from the threshold on from which, of the questions that were held out in training, the
    share `wanted_precision` had an answer, where half of all had one; it is certain from where the share is
    `CERTAIN` on, and likely from `LIKELY` on.
    """
    slope, offset = state["calibration"].tolist()
    scores, quotes = np.zeros(len(passages)), {}
    for place, logit in question.readings.items():
        near = nearness(question, passages[place[0]])
        whole = slope * (logit + float(state["nearness"][0]) * near) + offset
        quotes[place] = float(1 / (1 + np.exp(-np.clip(whole, -30, 30))))
        scores[place[0]] = max(scores[place[0]], quotes[place])
    return judged(scores, wanted_precision, state)._replace(quotes=quotes)


def nearness(question: Statement, passage: Passage) -> float:
    """The cosine of the question and the nearest sentence."""
    return float((passage.vectors @ question.vector).max())
