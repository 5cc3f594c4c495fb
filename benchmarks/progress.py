"""Progress of a long benchmark, also while it makes models, and how long is left, on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

from tieback.catalog.source import PackageSource

TRUST_SECONDS = 60.0
"""How much the plan weighs against how long the first steps really took."""


class Progress:
    """Steps with the seconds each is expected to take; what is left is corrected by how long steps took."""

    def __init__(self, planned: Mapping[str, float]) -> None:
        self._left = dict(planned)
        self._begun = self._step_begun = time.monotonic()
        self._step = ""
        self._done = 0.0

    def begin(self, step: str) -> None:
        """The next step; the one before it is done."""
        self._done += self._left.pop(self._step, 0.0)
        self._step, self._step_begun = step, time.monotonic()
        self.say("begins")

    def say(self, what: str) -> None:
        """A line about the step."""
        elapsed = time.monotonic() - self._begun
        line = f"[{_clock(elapsed)}, about {_clock(self.left())} left] {self._step}: {what}"
        print(line, file=sys.stderr, flush=True)

    def left(self) -> float:
        """Seconds until all is done, as far as one can tell."""
        now = time.monotonic()
        pace = (self._step_begun - self._begun + TRUST_SECONDS) / (self._done + TRUST_SECONDS)
        running = pace * self._left.get(self._step, 0.0) - (now - self._step_begun)
        waiting = pace * sum(seconds for step, seconds in self._left.items() if step != self._step)
        return max(running, 0.0) + waiting


class PullProgress:
    """Progress of a pull, in lines; nothing is fetched for a folder."""

    def fetching(self, source: PackageSource, there: int, size: int) -> None:
        """A part of a source was fetched."""

    def said(self, name: str, message: str) -> None:
        """Something is made of a model."""
        log(f"{name}: {message}")


def log(message: str) -> None:
    """A line."""
    print(message, file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
