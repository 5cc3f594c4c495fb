"""How long reranking takes, learned from what it took, so that what cannot be in time is not begun.

A method takes some time for each candidate: little where it compares vectors that are kept, much where it
encodes texts. The time of the last calls is what the next one is expected to take. While a method is left out
nothing is learned of it, so its expected time falls a little each time, and it is tried again some day.
"""

from __future__ import annotations

_NEWEST, _FORGOTTEN = 0.3, 0.9

Kind = tuple[str, bool]
"""A method, and whether vectors of its candidates are kept."""


class RerankTimes:
    """Seconds for each candidate, by kind. Of one event loop."""

    def __init__(self) -> None:
        self._seconds: dict[Kind, float] = {}

    def fits(self, kind: Kind, candidates: int, seconds: float | None) -> bool:
        """Whether so many candidates are expected to be compared in that time; None for any time.

        What is not known yet fits.
        """
        known = self._seconds.get(kind, 0.0)
        if seconds is None or known * candidates <= seconds:
            return True
        self._seconds[kind] = known * _FORGOTTEN
        return False

    def took(self, kind: Kind, candidates: int, seconds: float) -> None:
        """Learns from a call."""
        each = seconds / max(candidates, 1)
        known = self._seconds.get(kind, each)
        self._seconds[kind] = known + _NEWEST * (each - known)

    def ended(self, kind: Kind, candidates: int, seconds: float) -> None:
        """Learns from a call that was ended after that time, and so takes longer."""
        each = seconds / max(candidates, 1)
        self._seconds[kind] = max(self._seconds.get(kind, each), each)
