"""The report of a call: its times, its cost, and its id in the server's logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CallInfo:
    """How one call went, beside its answer."""

    method: str = ""
    """The RPC, for instance ``"Retrieve"``."""
    request_id: str = ""
    """Names the call in the server's logs."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """The call's initial and trailing metadata, binary values left out."""
    retries: int = 0
    """How many times it was sent again before this answer came."""
    seconds: float = 0.0
    """How long it took, seen from here, retries included."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a pipeline."""

    name: str
    """The step, for instance ``"encode:all-minilm-l6-v2"`` or ``"search"``."""
    begin: float
    """Seconds from the request's arrival to its beginning."""
    seconds: float
    """How long it took."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Where the time of a call went, in seconds, as the server measured it."""

    queue: float = 0.0
    """Waiting for a worker."""
    prepare: float = 0.0
    """Tokenising, decoding, resampling."""
    compute: float = 0.0
    """Inside the model or the search."""
    total: float = 0.0
    """From the request's arrival to the response's departure."""
    stages: Sequence[Stage] = ()
    """The steps of a pipeline, in the order they began."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call cost."""

    batch_size: int = 0
    """Items in the largest batch that served it, other callers' items included."""
    tokens: int = 0
    """Useful tokens of this call (for pictures and sounds: patches or frames)."""
    padding_tokens: int = 0
    """Padding computed beside them."""
    cached_items: int = 0
    """Inputs of this call that were found in a cache."""
    shared_items: int = 0
    """Inputs of this call that waited for an identical one in flight."""


@dataclass(frozen=True, slots=True)
class Truncated:
    """What a space did not read of sections, or of a query."""

    sections: int
    """Sections, or texts of a query, that it did not read to their end."""
    tokens: int
    """Tokens of those that it did not read."""
    window: int
    """Tokens that it reads of one at most, special tokens included."""

    def __add__(self, other: Truncated) -> Truncated:
        return Truncated(
            self.sections + other.sections, self.tokens + other.tokens, max(self.window, other.window)
        )
