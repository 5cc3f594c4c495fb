"""What came of items that were sent to be stored."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tieback_contract.encodings import Truncated
from tieback_contract.reports import Timing
from tieback_contract.shapes import wire

from tieback.core.errors import TiebackError


class LongTexts(enum.StrEnum):
    """What ingestion does with a text that is longer than a space reads."""

    SPLIT = "split"
    TRUNCATE = "truncate"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class IngestResult:
    """The outcome for one item: durable where `error` is None.

    `split_sections` were split, and `added_sections` are there because of that beside those that were sent.
    """

    id: str
    error: TiebackError | None = field(default=None, metadata=wire("status"))
    truncated_sections: int = 0
    truncated: Mapping[str, Truncated] = field(default_factory=dict)
    split_sections: int = 0
    added_sections: int = 0


@dataclass(frozen=True, slots=True)
class IngestReply:
    """One result per item, in order."""

    results: Sequence[IngestResult]
    timing: Timing
