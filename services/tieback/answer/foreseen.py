"""Refusals that are foreseen: an answer that nobody will write needs no passages.

Passages are found before the generator is asked, which takes longer than its refusal. So what it refused just
now is remembered for the tenant, and the next answers with as little time are refused at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tieback.admission import PRESSED_SECONDS
from tieback.core.deadline import Deadline
from tieback.core.errors import Overloaded, RateExceeded
from tieback.core.tenant import TENANT

LATER = 1.05
"""An answer with so many times the time left may be written where another was refused."""


HELD = 0.5
"""The part of its retry time for which a refusal is remembered: what waits is not done by then."""


@dataclass(frozen=True, slots=True)
class _Refused:
    error: Overloaded
    until: float
    left: float


class ForeseenRefusals:
    """The last refusal of each tenant. For one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._refused: dict[str, _Refused] = {}

    def note(self, error: Overloaded, left: float) -> None:
        """An answer of the running tenant was refused that had so many seconds left when it was begun."""
        if isinstance(error, RateExceeded):  # a tenant's own limit: of the next answer it says nothing
            return
        now = self._clock()
        self._refused = {who: one for who, one in self._refused.items() if now < one.until}
        until = now + max(PRESSED_SECONDS, HELD * error.retry_after)
        self._refused[TENANT.get()] = _Refused(error, until, left)

    def check(self, deadline: Deadline) -> None:
        """Raises Overloaded where an answer with that deadline would be refused once passages were found."""
        known = self._refused.get(TENANT.get())
        if known is None or self._clock() >= known.until:
            return
        if deadline.remaining() <= LATER * known.left:
            raise Overloaded(known.error.message, retry_after=known.error.retry_after)
