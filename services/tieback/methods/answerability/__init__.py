"""Answerability: whether passages answer a question, judged before an answer is made.

A method that is learned declares the arrays of its state, `STATE`, and reads the vectors of tokens beside
those of sentences. One that is read by a network beside its state has a form `read`: what that reads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from tieback.core.family import Family, Form
from tieback.core.state import State
from tieback.core.types.arrays import Array
from tieback.methods.grounding import Passage, Statement

__all__ = ["READ", "Answerability", "Judgement", "ReadOf", "answerabilities"]


class Judgement(NamedTuple):
    """How well each passage answers a question, 0 to 1 `[passages]`, and from what on it is answered.

    From `certain` on, the passage is taken to have the answer; no score reaches it where the method cannot
    tell.
    """

    scores: Array
    threshold: float
    certain: float = math.inf

    @property
    def score(self) -> float:
        """That of the best passage; 0 without any."""
        return float(self.scores.max(initial=0.0))


class Answerability(Protocol):
    """A way to judge whether passages answer a question."""

    def __call__(self, question: Statement, passages: Sequence[Passage], state: State) -> Judgement:
        """Judges passages whose vectors are of the question's space. `state` is empty unless it learned."""
        ...


class ReadOf(Protocol):
    """Picks what a network reads with a question."""

    def __call__(self, question: Statement, passages: Sequence[Passage]) -> Mapping[int, str]:
        """Texts by the places of the passages that they are of."""
        ...


READ: Form[ReadOf] = Form("read", ReadOf, required=False)

answerabilities: Family[Answerability] = Family(__name__, Answerability, READ)
