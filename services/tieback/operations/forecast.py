"""How long an operation still needs, by the rate of the run that it is in."""

from __future__ import annotations

import time


class Forecast:
    """The progress of one run, which may have begun with much done by an earlier one."""

    def __init__(self) -> None:
        self._begun: tuple[float, int] | None = None

    def remaining(self, done: int, total: int) -> float | None:
        """Seconds; None before anything was done in this run."""
        now = time.monotonic()
        if self._begun is None or done < self._begun[1]:
            self._begun = now, done
        began, before = self._begun
        if done == before:
            return None
        return (total - done) * (now - began) / (done - before)
