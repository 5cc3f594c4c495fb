"""A bound on repeated calls that all calls of a process to a server share.

Where many processes repeat what an overloaded server refused, the repeats are most of what it has to refuse,
and the overload stays when its cause is gone. So repeats are a share of what is answered, as in Finagle's
retry budget and gRPC's retry throttling (gRFC A6): while a server answers, hardly a refusal is seen; while it
refuses most, the process soon sends each call once.
"""

from __future__ import annotations

import functools
import threading

RESERVE = 5.0
"""Repeats before any answer, and the most that are saved up."""


class RetryBudget:
    """Counts how often refused calls may be sent again: `share` of a time for each answer.

    Any thread may call any method.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._left = RESERVE
        self._lock = threading.Lock()

    def answered(self) -> None:
        """Saves up for an answer."""
        with self._lock:
            self._left = min(self._left + self._share, RESERVE)

    def spend(self) -> bool:
        """Take one repeat; False where none is left."""
        with self._lock:
            if self._left < 1.0:
                return False
            self._left -= 1.0
            return True


@functools.cache
def shared_budget(_address: str, share: float) -> RetryBudget:
    """The budget of this process for the server at an address."""
    return RetryBudget(share)
