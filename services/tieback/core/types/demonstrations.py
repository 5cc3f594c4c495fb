"""Demonstrations: answered questions that show a language model how it is to answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from tieback_contract.demonstrations import StoredDemonstration
from tieback_contract.reports import Timing


@dataclass(frozen=True, slots=True)
class PutReply:
    """What was kept, and where the time went."""

    stored: StoredDemonstration
    timing: Timing = field(default_factory=Timing)
