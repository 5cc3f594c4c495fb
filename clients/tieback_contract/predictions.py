"""What a head says of a content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tieback_contract.encodings import Label


@dataclass(frozen=True, slots=True)
class Prediction:
    """Which classes a content is of."""

    labels: Sequence[Label]
    """The likeliest classes, best first."""
    memory_share: float | None = None
    """How much the memory counted beside what was learned, 0 to 1; None for a method without a memory."""

    @property
    def label(self) -> str:
        """The name of the likeliest class."""
        return self.labels[0].name
