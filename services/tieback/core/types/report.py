"""What a call took: its time and its cost."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Stage:
    """A step of a pipeline: seconds from the request's arrival, and seconds it took."""

    name: str
    begin: float
    duration: float


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
