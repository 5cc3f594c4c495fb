"""Answerability by relevance: shared words, and the nearness of sentence vectors. It needs no training.

It tells matter apart, not whether the answer is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array

from tieback.core.state import State
from tieback.methods.answerability import Judgement, answerabilities
from tieback.methods.grounding import Passage, Statement, Words, words_of

FARTHEST, NEAREST = 0.15, 0.6
"""Cosines, in MiniLM's space, of a question with sentences about something else, and with its answer."""

WORD_SHARE = 0.4

ELSEWHERE = 0.75
"""The weight of a word that only the rest of the passage has: sentences refer by "it" to earlier ones."""

THRESHOLD = 0.4
"""Relevance from which an answer is tried.

Of 21 questions over four passages of different matter, the passage with the answer has 0.70 or more; those of
other matter, and all four for ten questions on something else, have 0.30 or less. It tells matter apart, not
whether the answer is there: twelve questions about a passage's matter that it does not answer have 0.05 to
0.87. Those are for the check of what was written.
"""


@answerabilities.method
def relevance(
    question: Statement,
    passages: Sequence[Passage],
    state: State,  # noqa: ARG001 - it has learned nothing
    *,
    threshold: Annotated[float, Field(ge=0, le=1)] = THRESHOLD,
) -> Judgement:
    """How the best window of each passage bears on the question; it is answered from `threshold` on."""
    asked = words_of(question.text)
    scores = [window_relevance(asked, question.vector, one).max(initial=0.0) for one in passages]
    return Judgement(np.array(scores, np.float64), threshold)


def window_relevance(question: Words, vector: Array, passage: Passage) -> Array:
    """How each window bears on the question, 0 to 1 `[windows]`.

    Shared content words and the cosine with the question's unit vector `[width]`; of a question without
    content words the cosine alone.
    """
    near = np.clip((passage.vectors @ vector - FARTHEST) / (NEAREST - FARTHEST), 0, 1)
    asked = _terms(question)
    if not asked:
        return np.asarray(near)
    somewhere = asked & _terms(passage.words)
    shared = np.zeros(len(passage.windows))
    for number, words in enumerate(passage.window_words):
        said = somewhere & _terms(words)
        shared[number] = len(said) + ELSEWHERE * (len(somewhere) - len(said))
    return np.asarray(WORD_SHARE * shared / len(asked) + (1 - WORD_SHARE) * near)


def _terms(words: Words) -> set[str]:
    return {*words.stems, *words.numbers}
