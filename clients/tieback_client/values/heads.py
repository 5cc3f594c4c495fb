"""Heads: small classifiers over the vectors of a space, and what they say of contents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tieback_contract.heads import Prediction
from tieback_contract.reports import Timing

from tieback_client.errors import TiebackError
from tieback_client.reports import CallInfo


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
