"""Checks of texts that somebody else wrote: what is asked, and what was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tieback_contract.claims import Verdict, VerdictLabel
from tieback_contract.generation import Evidence
from tieback_contract.reports import Timing

from tieback_client.errors import TiebackError
from tieback_client.events import CheckedText
from tieback_client.reports import CallInfo

if TYPE_CHECKING:
    from tieback_client.shown import ShownChecked


UNDECIDED = frozenset({VerdictLabel.NOT_CHECKED, VerdictLabel.LOW_CONFIDENCE})
"""Labels that do not decide whether a claim is supported."""


def supported_share(verdicts: Iterable[Verdict]) -> float | None:
    """The supported part of the claims that were decided, 0 to 1; None where none was."""
    labels = [one.label for one in verdicts if one.label not in UNDECIDED]
    return labels.count(VerdictLabel.SUPPORTED) / len(labels) if labels else None


@dataclass(frozen=True, slots=True)
class Check:
    """A text to check, and what it has to rest on."""

    text: str
    """The text."""
    evidence: Sequence[str | Evidence] = ()
    """The passages; with none, the claims are found and not checked."""
    claims: Sequence[tuple[int, int]] = ()
    """The claims, as bytes of the UTF-8 of the text; empty: each sentence is one."""
    question: str = ""
    """The question that it answers: verdicts then say whether each claim can be an answer."""


@dataclass(slots=True)
class Checked(CheckedText):
    """A text that was checked."""

    evidence: Sequence[Evidence] = ()
    """The passages, by whose ids citations name them."""
    supported_share: float | None = None
    """The supported part of the claims that were checked, 0 to 1; None where none was."""
    timing: Timing = field(default_factory=Timing)
    """Where the time went, of the call that checked."""
    call: CallInfo = field(default_factory=CallInfo)
    """How that call went."""

    @property
    def shown(self) -> ShownChecked:
        """Text that people are told of it at every door: claims with their marks, the passages to read."""
        from tieback_client.shown.checked import shown  # it reads checked texts

        return shown(self)


@dataclass(frozen=True, slots=True)
class Checks:
    """The outcome of `check_all`: one per check, in order."""

    outcomes: Sequence[Checked | TiebackError]
    """What was found, or why the text was not checked."""
    timing: Timing
    """Time by stage."""
    call: CallInfo
    """How the call went."""

    def __len__(self) -> int:
        return len(self.outcomes)

    def __iter__(self) -> Iterator[Checked]:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, index: int) -> Checked:
        """What was found of one text; raises where it was not checked."""
        outcome = self.outcomes[index]
        if isinstance(outcome, TiebackError):
            raise outcome
        return outcome
