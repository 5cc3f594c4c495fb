"""The report of a call: its times, its cost, and its id in the server's logs."""

from __future__ import annotations

from collections.abc import Mapping
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
