"""Items that are sent to be stored, and what came of them."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tieback_contract.encodings import Truncated
from tieback_contract.method_choice import MethodChoice
from tieback_contract.reports import Timing
from tieback_contract.shapes import alone, wire
from tieback_contract.token_vectors import TokenVectors

from tieback.core.errors import TiebackError
from tieback.core.types.content import Item


class LongTexts(enum.StrEnum):
    """What ingestion does with a text that is longer than a space reads."""

    SPLIT = "split"
    TRUNCATE = "truncate"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """Items to encode and write. A collection that is missing is made in `space`, or in the default one, by
    `codec` and with `token_vectors`; where it is there with others, AlreadyExists.
    """

    collection: str
    items: Sequence[Item] = field(metadata=alone())
    space: str = ""
    long_texts: LongTexts = LongTexts.SPLIT
    codec: MethodChoice | None = None
    token_vectors: TokenVectors | None = None


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
