"""What a call brings along from hop to hop: its id, its tenant, its token, its trace."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry import propagate, trace

from tieback.core.call import BEGUN, IN_BULK
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import DeadlineExceeded

REQUEST_ID_KEY = "x-request-id"
AUTHORIZATION_KEY = "authorization"
BULK_KEY = "tieback-bulk"
BEGUN_KEY = "tieback-begun"
"""Name work in bulk, and work that was begun (`tieback.core.call`), from hop to hop; what comes from outside
has no such marks."""
# What the ids of common proxies and clouds are made of; nothing of it can end a log line or a header.
_ID = re.compile(r"[A-Za-z0-9._:/=+@,;~-]{1,128}")
# What may pass on to the services behind the gateway; everything else a caller sends stays at the door.
_FORWARDED = ("traceparent", "tracestate")
# The form of W3C Trace Context. Of any other value the trace ends here, as the standard asks.
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class CallContext:
    """The running call. `authorization` is forwarded as it came and never logged."""

    request_id: str = ""
    tenant: str = ""
    authorization: str = ""
    traces: tuple[tuple[str, str], ...] = ()


_NO_CALL = CallContext()
_current: ContextVar[CallContext] = ContextVar("tieback_call", default=_NO_CALL)


def current() -> CallContext:
    """The running call's context; an empty one outside a call."""
    return _current.get()


def enter(metadata: Iterable[tuple[str, str | bytes]], *, is_hop: bool = True) -> CallContext:
    """Makes a context from a call's metadata and sets it for the running task.

    Only a hop of the platform says that it works in bulk, or that work was begun: a caller's call is refused
    and counted as others.
    """
    found = {key: value for key, value in metadata if isinstance(value, str)}
    request_id = found.get(REQUEST_ID_KEY, "")
    if not _ID.fullmatch(request_id):
        request_id = secrets.token_hex(8)
    context = CallContext(
        request_id=request_id,
        authorization=found.get(AUTHORIZATION_KEY, ""),
        traces=_traces(found),
    )
    _current.set(context)
    IN_BULK.set(is_hop and BULK_KEY in found)
    BEGUN.set(is_hop and BEGUN_KEY in found)
    return context


def _traces(found: dict[str, str]) -> tuple[tuple[str, str], ...]:
    if not _TRACEPARENT.fullmatch(found.get("traceparent", "")):
        return ()
    return tuple((key, found[key]) for key in _FORWARDED if key in found)


def caller_ids() -> tuple[str, str] | None:
    """The ids of the trace and of the span that the caller named; None where it named none."""
    found = _TRACEPARENT.fullmatch(dict(_current.get().traces).get("traceparent", ""))
    return None if found is None else (found[1], found[2])


def set_current(context: CallContext) -> None:
    """Replaces the running task's context."""
    _current.set(context)


def is_traced() -> bool:
    """Whether the running call belongs to a trace."""
    return bool(_current.get().traces) or trace.get_current_span().get_span_context().is_valid


def outgoing() -> tuple[tuple[str, str], ...]:
    """The metadata for a hop to another service of this platform, on behalf of the running call."""
    context = _current.get()
    metadata = [(REQUEST_ID_KEY, context.request_id)] if context.request_id else []
    if context.authorization:
        metadata.append((AUTHORIZATION_KEY, context.authorization))
    if IN_BULK.get():
        metadata.append((BULK_KEY, "1"))
    if BEGUN.get():
        metadata.append((BEGUN_KEY, "1"))
    if trace.get_current_span().get_span_context().is_valid:
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        metadata.extend(carrier.items())
    else:
        metadata.extend(context.traces)
    return tuple(metadata)


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
        raise DeadlineExceeded("the deadline passed before the request was read; give the call more time")
    return deadline
