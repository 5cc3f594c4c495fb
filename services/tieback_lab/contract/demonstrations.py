"""Demonstrations, which show a language model how to answer, as the server and the clients have them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tieback_contract.reports import Timing
from tieback_contract.shapes import wire


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A question that is answered, with what it is answered from."""

    id: str
    """Names it: 1 to 63 lower-case letters, digits and hyphens, a letter first."""
    passage: str
    """Source of the answer: a text, or the words of a picture. It is read once, and stands in no prompt."""
    question: str
    """The question."""
    answer: str
    """Its answer, as answers are to be."""


@dataclass(frozen=True, slots=True)
class StoredDemonstration:
    """A demonstration that is kept."""

    demonstration: Demonstration
    """The demonstration."""
    tokens: int
    """Its virtual tokens: as many as its question and answer have."""
    passage_tokens: int
    """The tokens of its passage, which no prompt has."""
    created: datetime | None = field(default=None, metadata=wire("create_time"))
    """The time at which it was put."""


@dataclass(frozen=True, slots=True)
class PutReply:
    """The demonstration as it was kept, and the times of the call."""

    stored: StoredDemonstration
    timing: Timing = field(default_factory=Timing)
