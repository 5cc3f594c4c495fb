"""A point in time by which an answer is worth having."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from tieback.core.errors import DeadlineExceeded


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on `time.monotonic`'s clock; infinite where the caller set none."""

    at: float = math.inf

    @classmethod
    def after(cls, seconds: float | None) -> Deadline:
        """The moment so many seconds from now; None for never."""
        return cls() if seconds is None else cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left; negative once it has passed."""
        return self.at - time.monotonic()

    def check(self, doing: str) -> None:
        """Raises `DeadlineExceeded` where no time is left, naming what is not begun."""
        if self.remaining() <= 0:
            raise DeadlineExceeded(f"the deadline passed before {doing}")

    def shrunk(self, seconds: float) -> Deadline:
        """An earlier deadline for a hop, leaving so many seconds to answer one's own caller."""
        return Deadline(self.at - seconds)

    def within(self, seconds: float) -> Deadline:
        """The same deadline, or that many seconds from now where it is later."""
        return Deadline(min(self.at, time.monotonic() + seconds))


NO_DEADLINE = Deadline()
