"""Words that were read in pictures and heard in sounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tieback_contract.recognition import RecognisedText
from tieback_contract.reports import Timing

from tieback_client.errors import TiebackError
from tieback_client.reports import CallInfo


@dataclass(frozen=True, slots=True)
class RecognisedBatch:
    """The outcome of `recognise`: one per content, in order."""

    outcomes: Sequence[RecognisedText | TiebackError]
    """What was recognised, or why nothing was."""
    timing: Timing
    """Time by stage."""
    call: CallInfo
    """How the call went."""

    def __len__(self) -> int:
        return len(self.outcomes)

    def __iter__(self) -> Iterator[RecognisedText]:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, index: int) -> RecognisedText:
        """What was recognised in one content; raises where nothing could be."""
        outcome = self.outcomes[index]
        if isinstance(outcome, TiebackError):
            raise outcome
        return outcome
