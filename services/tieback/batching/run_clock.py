"""A clock that does not count the time in which its thread waits for a core.

The cost of a batch is its computation; if another process had the core meanwhile, that does not measure the
next batch. Linux counts a thread's waiting in /proc/thread-self/schedstat (two reads of 3 µs). On other
systems it is an ordinary clock.
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
        if self._file is None:
            return time.monotonic()
        waited = _waited(self._file)
        while True:
            now, before, waited = time.monotonic(), waited, _waited(self._file)
            if waited == before:  # else it had to wait just here, and it is not known which side of `now`
                return now - NANO * waited

    def close(self) -> None:
        """Lets go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _waited(file: int) -> int:
    """Nanoseconds that the thread has waited for a core."""
    _, waited, _ = os.pread(file, 100, 0).split()  # running, waiting for a core, times scheduled
    return int(waited)
