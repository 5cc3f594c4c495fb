"""What came of writing: items that are durable or not, and how far a reindex is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tieback_contract.encodings import Truncated
from tieback_contract.reports import Timing
from tieback_contract.vectors import SpaceRef

from tieback_client.errors import TiebackError
from tieback_client.reports import CallInfo


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The outcome for one item that was sent to be written."""

    id: str
    """The item."""
    error: TiebackError | None = None
    """None where it is durable; else why it is not."""
    truncated_sections: int = 0
    """Sections whose text some space did not read to its end."""
    truncated: Mapping[str, Truncated] = field(default_factory=dict)
    """What was not read, by space; the spaces that read everything are left out."""
    split_sections: int = 0
    """Sections that were sent and split."""
    added_sections: int = 0
    """Sections that are there because of that, beside those that were sent."""


@dataclass(frozen=True, slots=True)
class ReindexResult:
    """How the reindexing of a collection ended."""

    space: SpaceRef
    """The space of the new vectors."""
    total: int
    """Items of the collection."""
    done: int
    """Items of these that have new vectors."""
    finished: bool = False
    """Whether the collection is in the new space now."""
    needed: bool = True
    """Whether there was anything to do."""
    failures: Mapping[str, TiebackError] = field(default_factory=dict)
    """Why items cannot be encoded again, by their id; up to 1000 of them."""
    failure_count: int = 0
    """How many there are."""
    split_sections: int = 0
    """Texts that were split, since the new space reads less of one than was stored in it."""
    added_sections: int = 0
    """How many sections there are of them beside."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The server's answer for one batch of items, given after they are durable."""

    results: Sequence[WriteResult]
    """One per item, in order."""
    timing: Timing
    """Time by stage."""

    @property
    def errors(self) -> Mapping[str, TiebackError]:
        """Why items were refused, by their id."""
        return {one.id: one.error for one in self.results if one.error is not None}


@dataclass(frozen=True, slots=True)
class WriteReport:
    """The whole of an `upsert` or `ingest`."""

    written: int
    """Items that are durable. Of several with one id, the last is kept: they are one."""
    errors: Mapping[str, TiebackError]
    """Why items were refused, by their id."""
    truncated_sections: int
    """Sections whose text some space did not read to its end."""
    call: CallInfo
    """How the call went."""
    truncated: Mapping[str, Truncated] = field(default_factory=dict)
    """What was not read, by space; the spaces that read everything are left out."""
    split_sections: int = 0
    """Sections that were sent and split."""
    added_sections: int = 0
    """Sections that are there because of that, beside those that were sent."""
