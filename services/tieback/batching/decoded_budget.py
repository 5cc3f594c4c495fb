"""A budget of bytes for decoded contents in one process.

A file of some kilobytes may hold a picture of a gigabyte. So its header is read first, and it is decoded only
when the budget has room. The reduced picture counts until the model has run.
"""

from __future__ import annotations

import threading

from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded
from tieback.core.freed_memory import return_freed_memory

TRIMMED_SIZE = 32 << 20
"""After a content of so many bytes, what was freed is given back to the system."""

LOOK_SECONDS = 0.05
"""How often one that waits for room looks whether anybody still waits for it."""


class DecodedBudget:
    """`limit` bytes, 0 for no limit. Any thread may call any method."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._taken = 0
        self._changed = threading.Condition()

    @property
    def taken(self) -> int:
        """Bytes that are held now."""
        return self._taken

    def reserve(self, size: int, deadline: Deadline) -> Reservation:
        """A claim to so many bytes, which takes them when its work begins."""
        return Reservation(self, size, deadline)


class Reservation:
    """The bytes of one portion: nothing, then all, then what is kept until the model has run, then nothing.

    `begin` and `end` belong to the thread that prepares it, `release` to whoever asked. What is released
    while it is prepared is held until that has ended.
    """

    def __init__(self, budget: DecodedBudget, size: int, deadline: Deadline) -> None:
        self._budget = budget
        self._size = size
        self._deadline = deadline
        self._held = 0
        self._works = self._released = False

    def begin(self) -> None:
        """Waits for room, and takes it. DeadlineExceeded where nobody waits for the content any more."""
        budget = self._budget
        with budget._changed:
            while budget.limit and budget._taken + self._size > budget.limit and budget._taken:
                self._check_wanted()
                budget._changed.wait(LOOK_SECONDS)
            self._check_wanted()
            self._works = True
            self._hold(self._size)

    def end(self, kept: int) -> None:
        """Gives back all but what is kept until the model has run."""
        if self._size >= TRIMMED_SIZE:
            return_freed_memory()
        with self._budget._changed:
            self._works = False
            self._hold(0 if self._released else kept)

    def release(self) -> None:
        """Gives back everything, at the latest when the preparing ends."""
        with self._budget._changed:
            self._released = True
            if not self._works:
                self._hold(0)

    def _hold(self, size: int) -> None:
        self._budget._taken += size - self._held
        self._held = size
        self._budget._changed.notify_all()

    def _check_wanted(self) -> None:
        if self._released:
            raise DeadlineExceeded("nobody waits for this content any more")
        self._deadline.check("this content was prepared")
