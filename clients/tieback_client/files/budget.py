"""How long the parsing of one file may take. Parsers ask as they go, and what takes longer is given up."""

from __future__ import annotations

import time

SECONDS = 20.0


class TookTooLong(Exception):  # noqa: N818 - it is no fault: another way of reading follows
    """The parser was given up."""


class Budget:
    """Counts down from when it was made."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._end = time.monotonic() + seconds

    def check(self) -> None:
        """Raises `TookTooLong` where the time is used up."""
        if time.monotonic() > self._end:
            raise TookTooLong
