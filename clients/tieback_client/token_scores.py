"""How probable the tokens of an answer were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenScore:
    """A token and how probable it was."""

    id: int
    """Its number in the model's vocabulary; 0 where the model is an endpoint."""
    text: str
    """Its text; bytes that are no whole character are shown as U+FFFD."""
    log_probability: float
    """Its natural log-probability, before penalties, temperature and grammar; at least -1000."""


@dataclass(frozen=True, slots=True)
class ScoredToken:
    """A token that was written."""

    chosen: TokenScore
    """What was chosen."""
    alternatives: Sequence[TokenScore] = ()
    """The most probable tokens in its place, best first; the chosen one may be among them."""


@dataclass(frozen=True, slots=True)
class TokenScores:
    """The scores of tokens, where they were asked for; before the text that the tokens complete."""

    tokens: Sequence[ScoredToken]
    """In the order in which they were written."""
