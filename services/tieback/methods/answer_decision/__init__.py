"""Decisions about a question: to answer it from the passages, to give the item itself, to search again, or to
abstain, made before anything is written.

A method that is learned declares the arrays of its state, `STATE`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from tieback_contract.answers import AnswerAction
from tieback_contract.arrays import Array

from tieback.core.family import Family
from tieback.core.state import State
from tieback.methods.answerability import Judgement
from tieback.methods.grounding import Passage, Statement

__all__ = ["ACTIONS", "AnswerDecision", "Found", "decisions"]

ACTIONS = tuple(AnswerAction)
"""In the order of the probabilities."""


class Found(NamedTuple):
    """A question with the passages that were found for it, best first, how they are judged to answer it, and,
    where it was read, the state of a language model behind question and passages `[width]`.
    """

    question: Statement
    passages: Sequence[Passage]
    judgement: Judgement
    hidden: Array | None = None


class AnswerDecision(Protocol):
    """A way to decide."""

    def __call__(self, found: Found, state: State) -> Array:
        """The probability of each of `ACTIONS` `[4]`. `state` is empty unless it learned."""
        ...


decisions: Family[AnswerDecision] = Family(__name__, AnswerDecision)
