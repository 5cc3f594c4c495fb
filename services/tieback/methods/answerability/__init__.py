"""Answerability: whether passages answer a question, judged before an answer is made.

A method that is learned declares the arrays of its state, `STATE`, and reads the vectors of tokens beside
those of sentences.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from tieback_contract.arrays import Array

from tieback.core.family import Family
from tieback.core.state import State
from tieback.methods.grounding import Passage, Place, Statement

__all__ = ["Answerability", "Judgement", "answerabilities", "reads_quotes"]


NOTHING: Mapping[Place, float] = MappingProxyType({})


class Judgement(NamedTuple):
    """How well each passage answers a question, 0 to 1 `[passages]`, and from what on it is answered.

    From `certain` on, the passage is taken to have the answer, and from `likely` on it is likely to have it;
    no score reaches them where the method cannot tell. `quotes` are the scores of windows that were judged
    alone.
    """

    scores: Array
    threshold: float
    certain: float = math.inf
    likely: float = math.inf
    quotes: Mapping[Place, float] = NOTHING

    @property
    def score(self) -> float:
        """That of the best passage; 0 without any."""
        return float(self.scores.max(initial=0.0))


class Answerability(Protocol):
    """A way to judge whether passages answer a question."""

    def __call__(self, question: Statement, passages: Sequence[Passage], state: State) -> Judgement:
        """Judges passages whose vectors are of the question's space. `state` is empty unless it learned."""
        ...


answerabilities: Family[Answerability] = Family(__name__, Answerability)


def reads_quotes(name: str) -> bool:
    """Whether a network beside the method's state reads what would be quoted: its file has `READS_QUOTES`.

    NotFound for an unknown method.
    """
    return bool(getattr(sys.modules[answerabilities.get(name).__module__], "READS_QUOTES", False))
