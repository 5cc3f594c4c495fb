"""Predictions of a head for a content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tieback_contract.encodings import Label


@dataclass(frozen=True, slots=True)
class Prediction:
    """Classes of a content."""

    labels: Sequence[Label]
    """The likeliest classes, best first."""
    memory_share: float | None = None
    """Weight of the memory beside what was learned, 0 to 1; None for a method without a memory."""

    @property
    def label(self) -> str:
        """The name of the likeliest class."""
        return self.labels[0].name
