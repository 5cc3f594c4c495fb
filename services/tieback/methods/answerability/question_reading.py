"""Answerability by a network that reads the question and the nearest sentences together, learned.

A cross-encoder (Nogueira and Cho, 2019, arXiv:1901.04085): the layers of a sentence encoder, trained on, also
with questions without an answer that look answerable, as in SQuAD 2.0 (Rajpurkar et al., 2018,
arXiv:1806.03822).
Of each passage it reads the sentences that share most with the question, and its logit is weighed with how
near the nearest sentence is: of a passage about something else that alone says enough. It is learned by
`tieback train question_reading`.

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
from tieback.methods.answerability.question_alignment import CERTAIN, threshold_of
from tieback.methods.grounding import Passage, Statement, words_of
from tieback.methods.grounding.token_alignment import windows

STATE = {
    "nearness": ("one",), "calibration": ("two",), "precisions": ("levels", "two"),
}  # fmt: skip
"""As of `question_alignment`: how much the cosine of the nearest sentence counts beside the logit; slope and
offset of their sum; thresholds, and for which share of what is answered from there on there is an answer."""

MOST_READ = 8
"""Passages that are read, those with the nearest sentences: each takes a run of the network."""

Share = Annotated[float, Field(ge=0, le=1)]


@answerabilities.method
def question_reading(
    question: Statement, passages: Sequence[Passage], state: State, *, wanted_precision: Share = 0.6
) -> Judgement:
    """The probability that each passage answers the question. It is answered from the threshold on from
    which, of the questions that were held out in training, the share `wanted_precision` had an answer, where
    half of all had one; it is certain from where the share is `CERTAIN` on. A passage that was not read
    has 0.
    """
    slope, offset = state["calibration"].tolist()
    scores = np.zeros(len(passages))
    for place, logit in question.readings.items():
        near = nearness(question, passages[place])
        whole = slope * (logit + float(state["nearness"][0]) * near) + offset
        scores[place] = 1 / (1 + np.exp(-np.clip(whole, -30, 30)))
    return Judgement(scores, threshold_of(wanted_precision, state), threshold_of(CERTAIN, state))


def read(question: Statement, passages: Sequence[Passage]) -> dict[int, str]:
    """What the network reads: of the nearest passages, by their places, the sentences that share most with
    the question.
    """
    known = [place for place, passage in enumerate(passages) if len(passage.windows)]
    nearest = sorted(known, key=lambda place: -nearness(question, passages[place]))[:MOST_READ]
    return {place: _sentences(question, passages[place]) for place in sorted(nearest)}


def nearness(question: Statement, passage: Passage) -> float:
    """The cosine of the question and the nearest sentence."""
    return float((passage.vectors @ question.vector).max())


def _sentences(question: Statement, passage: Passage) -> str:
    encoded = passage.text.encode()
    chosen = windows(words_of(question.text), passage.window_words)
    spans = (passage.windows[place] for place in chosen)
    return " ".join(encoded[begin:end].decode() for begin, end in spans)
