"""What a model did otherwise than it does without being asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reduction:
    """Tokens were merged inside of the model."""

    method: str
    """The method, of the family "token_reduction"."""
    ratio: float
    """The share of its tokens that each layer kept."""


@dataclass(frozen=True, slots=True)
class AppliedAdapter:
    """An expert of a merged model that was applied."""

    name: str
    """Its name."""
    sha256: str
    """The SHA-256 of the file of its adapter."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Where the router chose it: the weight of each expert; they sum to 1."""
