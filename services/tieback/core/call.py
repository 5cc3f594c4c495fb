"""A call, beside what it asks for: until when its answer is worth having, for whom, and how it waits."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from tieback.core.bulk import IN_BULK
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.tenant import PRINCIPAL, Principal


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a service, beside its request.

    The tenant, the trace and the mark of bulk work follow the task that runs it, so that logs, queues and
    caches read them where no call is at hand; `principal` and `in_bulk` give those of the running task.
    """

    deadline: Deadline = NO_DEADLINE
    """The moment by which the answer is worth having."""

    @property
    def principal(self) -> Principal:
        """The tenant that calls, with what its token allows."""
        return PRINCIPAL.get()

    @property
    def in_bulk(self) -> bool:
        """Tell whether it waits for room where other calls are refused."""
        return IN_BULK.get()

    def shrunk(self, seconds: float) -> Call:
        """The call with an earlier deadline, for a hop."""
        return dataclasses.replace(self, deadline=self.deadline.shrunk(seconds))

    def by(self, deadline: Deadline) -> Call:
        """The call with that deadline."""
        return dataclasses.replace(self, deadline=deadline)


NO_CALL = Call()
"""A call without a deadline."""
