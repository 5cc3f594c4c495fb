"""An operation of the HTTP door: what a path does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tieback.doors.http.errors import Fields

KEY = "tieback.operation"
"""Where the scope of a request has its operation."""


@dataclass(frozen=True)
class DoorOperation:
    """What one path does."""

    name: str
    """Names it in metrics."""
    handle: Callable[[Request], Awaitable[Response]]
    """Answers a request."""
    fields: Fields = field(default_factory=dict)
    """What the platform's fields are called here."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, as an ASGI application."""
        scope[KEY] = self
        response = await self.handle(Request(scope, receive))
        await response(scope, receive, send)
