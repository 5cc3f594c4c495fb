"""Whether passages bear on a question, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tieback.core.types import Array
from tieback.methods.grounding import Passage, words_of

FARTHEST, NEAREST = 0.15, 0.6
"""Cosines of a question with sentences about something else, and with its answer."""

WORD_SHARE = 0.4


def relevance(question: str, vector: Array, passages: Sequence[Passage]) -> float:
    """How well the best passage bears on the question, 0 to 1.

    Shared content words (as far as the passage has them) and the nearest window's cosine with the question's
    unit vector `[width]`. A question without content words is judged by its vector alone.
    """
    asked = words_of(question)
    terms = {*asked.stems, *asked.numbers}
    best = 0.0
    for passage in passages:
        if not len(passage.windows):
            continue
        cosine = float((passage.vectors @ vector).max())
        near = float(np.clip((cosine - FARTHEST) / (NEAREST - FARTHEST), 0, 1))
        if terms:
            said = words_of(passage.text)
            shared = len(terms & {*said.stems, *said.numbers}) / len(terms)
            near = WORD_SHARE * shared + (1 - WORD_SHARE) * near
        best = max(best, near)
    return best
