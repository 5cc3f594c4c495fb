"""How long the parsing of one file may take. Parsers ask as they go, and what takes longer is given up."""

from __future__ import annotations

import time

SECONDS = 10.0
"""Of processor time, so that a busy machine does not change how a file is read."""


class TookTooLong(Exception):  # noqa: N818 - it is no fault: another way of reading follows
    """The parser was given up; the message is the reason."""


class Budget:
    """Counts down from when it was made."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._end = time.thread_time() + seconds

    def check(self) -> None:
        """Raises `TookTooLong` where the time is used up."""
        if time.thread_time() > self._end:
            raise TookTooLong(f"parsing it took more than {self._seconds:.0f} s")
