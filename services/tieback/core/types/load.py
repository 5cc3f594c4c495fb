"""How busy a service is."""

from __future__ import annotations

from dataclasses import dataclass

OFTEN = 0.04
"""Of `Load.known_share`: looking up a text costs about this part of computing it. Where less is known, a
model that is full gains more from refusing unseen than from looking."""


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a service is: what waits and runs, what was dropped since the start, its measured rate."""

    queued_items: int = 0
    queued_tokens: int = 0
    active_items: int = 0
    dropped_cancelled: int = 0
    dropped_deadline: int = 0
    rejected: int = 0
    tokens_per_second: float = 0.0
    known_share: float = 0.0
    """Share of the contents asked for lately that were known and had not to be computed."""
