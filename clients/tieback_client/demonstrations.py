"""Demonstrations: answered questions that show a language model how it is to answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tieback_contract.demonstrations import Demonstration


@dataclass(frozen=True, slots=True)
class StoredDemonstration:
    """A demonstration that is kept."""

    demonstration: Demonstration
    """What was put."""
    tokens: int
    """Its virtual tokens: as many as its question and answer have."""
    passage_tokens: int
    """The tokens of its passage, which no prompt has."""
    created: datetime | None = None
    """When it was put."""
