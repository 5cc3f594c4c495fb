"""The outcome of a call with several inputs, each of which fails alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tieback_contract.reports import Timing

from tieback_client.errors import TiebackError
from tieback_client.reports import CallInfo

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """One outcome per input, in order."""

    outcomes: Sequence[T | TiebackError]
    """The result of an input, or its error."""
    timing: Timing
    """Time by stage."""
    call: CallInfo
    """Times and repetitions of the call."""

    def __len__(self) -> int:
        return len(self.outcomes)

    def __iter__(self) -> Iterator[T]:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, index: int) -> T:
        """Give the result of one input; raise its error where it failed."""
        outcome = self.outcomes[index]
        if isinstance(outcome, TiebackError):
            raise outcome
        return outcome
