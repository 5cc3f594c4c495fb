"""The caller's deadline as the services know it."""

from __future__ import annotations

from typing import Any

import grpc

from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import DeadlineExceeded

# Where a caller sets no deadline, grpc reports one some hundred years away.
_FOREVER = 1e8


def deadline_of(context: grpc.aio.ServicerContext[Any, Any]) -> Deadline:
    """The call's deadline. DeadlineExceeded where none of it is left, so that nothing is begun in vain."""
    remaining = context.time_remaining()
    if remaining is None or remaining > _FOREVER:
        return NO_DEADLINE
    if remaining <= 0:
        raise DeadlineExceeded("the deadline passed before the request was read")
    return Deadline.after(remaining)
