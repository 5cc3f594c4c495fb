"""A clock that stands still while its thread waits for a core.

What a batch costs is what it computes; that another process had the core meanwhile says nothing of the next
batch. Linux counts a thread's waiting in /proc/thread-self/schedstat (3 µs a look); elsewhere the clock is an
ordinary one.
"""

from __future__ import annotations

import os
import time

NANO = 1e-9


class RunClock:
    """Seconds, for the differences between two looks. Make it in the thread that it is for."""

    def __init__(self) -> None:
        self._file: int | None
        try:
            self._file = os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._file = None

    def __call__(self) -> float:
        """Seconds since some moment."""
        now = time.monotonic()
        if self._file is None:
            return now
        _, waited, _ = os.pread(self._file, 100, 0).split()  # running, waiting for a core, times scheduled
        return now - NANO * int(waited)

    def close(self) -> None:
        """Lets go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
