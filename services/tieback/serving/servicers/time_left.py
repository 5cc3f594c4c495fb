"""The caller's deadline as a `Deadline` for the services."""

from __future__ import annotations

from typing import Any

import grpc

from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import DeadlineExceeded

# Where a caller sets no deadline, grpc reports one some hundred years away.
_FOREVER = 1e8


def time_left(context: grpc.aio.ServicerContext[Any, Any]) -> Deadline:
    """The call's deadline, which may be now."""
    remaining = context.time_remaining()
    return NO_DEADLINE if remaining is None or remaining > _FOREVER else Deadline.after(remaining)


def deadline_of(context: grpc.aio.ServicerContext[Any, Any]) -> Deadline:
    """The call's deadline. DeadlineExceeded where none of it is left, so that nothing is begun in vain."""
    deadline = time_left(context)
    if deadline.remaining() <= 0:
        raise DeadlineExceeded("the deadline passed before the request was read")
    return deadline
