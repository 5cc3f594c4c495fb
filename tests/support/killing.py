"""A process that kills itself with SIGKILL before a call that changes the disk: every point can be tried."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Killing:
    """Kills its process before the call of that `number`, counted from `arm`; `seen` are the calls so far."""

    def __init__(self, number: int) -> None:
        self.number, self.seen = number, 0

    def arm(self, *calls: str) -> None:
        """Counts calls of these methods of `Path`, and all that write durably."""
        for owner, names in ((Path, calls), (os, ("fsync", "fdatasync"))):
            for name in names:
                setattr(owner, name, self._deadly(getattr(owner, name)))

    def _deadly(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.seen += 1
            if self.seen == self.number:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return call
