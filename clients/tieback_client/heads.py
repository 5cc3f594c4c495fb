"""Heads: small classifiers over the vectors of a space, and what they say of contents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tieback_contract.predictions import Prediction
from tieback_contract.reports import Timing
from tieback_contract.vectors import SpaceRef

from tieback_client.errors import TiebackError
from tieback_client.reports import CallInfo


@dataclass(frozen=True, slots=True)
class Head:
    """A version of a head."""

    name: str
    """The head."""
    version: int
    """The version, from 1."""
    space: SpaceRef
    """The space whose vectors it classifies."""
    method: str
    """How it was fitted."""
    parameters: Mapping[str, object]
    """All parameters of that."""
    class_count: int
    """How many classes there are."""
    example_count: int
    """Examples that it was fitted on."""
    memory_count: int
    """Vectors that it was given as a memory; 0 where its memory are the examples, or it has none."""
    accuracy: float
    """The share of the examples that heads classified rightly that were fitted without them, 0 to 1."""
    artifact: str
    """The revision of what was learned, a hash over its content."""
    created: datetime | None = None
    """When it was fitted."""
    classes: Mapping[str, int] = field(default_factory=dict)
    """The examples of each class, by its name; empty in a list of heads."""
    versions: Sequence[int] = ()
    """The versions of the head that are kept, in order."""
    stale: str = ""
    """Why it cannot predict; empty where it can."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """The outcome of `predict`: one per content, in order."""

    outcomes: Sequence[Prediction | TiebackError]
    """A prediction, or why there is none."""
    version: int
    """The version that predicted."""
    timing: Timing
    """Time by stage."""
    call: CallInfo
    """How the call went."""

    def __len__(self) -> int:
        return len(self.outcomes)

    def __iter__(self) -> Iterator[Prediction]:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, index: int) -> Prediction:
        """The prediction of one content; raises where it failed."""
        outcome = self.outcomes[index]
        if isinstance(outcome, TiebackError):
            raise outcome
        return outcome
