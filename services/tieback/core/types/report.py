"""What a call took: its time and its cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class DroppedSection(NamedTuple):
    """A section that a step left out, and its score there."""

    item_id: str
    section_id: str
    score: float


@dataclass(frozen=True, slots=True)
class Dropped:
    """So many sections that a step left out for one reason, and the best of them."""

    reason: str
    count: int
    best: Sequence[DroppedSection] = ()


@dataclass(slots=True)
class Stage:
    """A step of a pipeline: seconds from the request's arrival, and seconds it took.

    It is a part of the stage `within`, or of the whole call where that is empty. `queue` and `compute` are
    parts of the duration that are known apart. Of a stage that is explained, the numbers of sections it was
    given and gave on, and those that it `dropped`; of a search by vectors the `structure` that finds its
    candidates.
    """

    name: str
    begin: float
    duration: float
    within: str = ""
    queue: float = 0.0
    compute: float = 0.0
    candidates_in: int = 0
    candidates_out: int = 0
    dropped: Sequence[Dropped] = ()
    structure: str = ""


@dataclass(slots=True)
class Timing:
    """Where the time went, in seconds."""

    queue: float = 0.0
    prepare: float = 0.0
    compute: float = 0.0
    total: float = 0.0
    stages: list[Stage] = field(default_factory=list)


@dataclass(slots=True)
class Cost:
    """What a call cost: the largest batch it was part of, useful tokens, padding computed beside them.

    `cached_items` were found in a cache, `shared_items` waited for an identical one in flight.
    """

    batch_size: int = 0
    tokens: int = 0
    padding_tokens: int = 0
    cached_items: int = 0
    shared_items: int = 0
