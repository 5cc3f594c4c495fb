"""Who calls a door: what of a request is handed on to the platform.

One client serves all callers of a door. What differs from call to call, the token and the request id, is read
from the context of the running task.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from tieback_client import AsyncClient, InvalidArgument, Retry, Unauthenticated

REQUEST_ID = "x-request-id"
TIMEOUT = "tieback-timeout"
"""The header by which a caller says how many seconds it waits."""
HANDED_ON = ("authorization", "traceparent", "tracestate")
"""Headers that go to the platform as they came."""
PATIENCE = 2.0
"""Seconds within which a call that does not reach the platform is tried again; then its caller is told."""

_ID = re.compile(r"[A-Za-z0-9._:/=+@,;~-]{1,128}")
_VALUE = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of the running request."""

    request_id: str = ""
    """Names the request in the logs of the door and of the platform."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What the platform is told of the caller."""
    seconds: float | None = None
    """How long the caller waits, if it said so."""


_NOBODY = Caller()
CALLER: ContextVar[Caller] = ContextVar("tieback_door_caller", default=_NOBODY)


def caller_of(headers: Mapping[str, str]) -> Caller:
    """The caller, by the headers of its request, whose names are in small letters.

    `Unauthenticated` or `InvalidArgument` where a header cannot be handed on.
    """
    named = headers.get(REQUEST_ID, "")
    metadata = {}
    for key in HANDED_ON:
        value = headers.get(key, "").strip()
        if not value:
            continue
        if not _VALUE.fullmatch(value):
            if key == "authorization":
                raise Unauthenticated("the token has characters that no token has")
            continue  # a trace that cannot be continued is no reason to refuse
        metadata[key] = value
    request_id = named if _ID.fullmatch(named) else secrets.token_hex(8)
    return Caller(request_id, metadata, _seconds(headers.get(TIMEOUT, "")))


def time_of(most: float) -> float:
    """How many seconds the running request may take: what the caller said, and at most `most`."""
    seconds = CALLER.get().seconds
    return most if seconds is None else min(seconds, most)


def platform(address: str, **options: Any) -> AsyncClient:
    """A client that calls the platform for whoever calls the door. `options` are those of `AsyncClient`."""
    return AsyncClient(
        address,
        token=None,
        metadata=_Passed(),
        request_id=lambda: CALLER.get().request_id or secrets.token_hex(8),
        retry=Retry(seconds=PATIENCE, overloads=False),  # its caller is told when to return
        connect_timeout=PATIENCE,
        **options,
    )


class _Passed(Mapping[str, str]):
    """The metadata of the running request's caller."""

    def __getitem__(self, key: str) -> str:
        return CALLER.get().metadata[key]

    def __iter__(self) -> Iterator[str]:
        return iter(CALLER.get().metadata)

    def __len__(self) -> int:
        return len(CALLER.get().metadata)


def _seconds(text: str) -> float | None:
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86_400:
        raise InvalidArgument.at(TIMEOUT, "the header is a number of seconds, above 0 and below 86400")
    return seconds
