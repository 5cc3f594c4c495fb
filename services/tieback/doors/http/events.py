"""Server-sent events: a stream as an HTTP answer, ended where its reader or its writer ends it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

SILENCE_SECONDS = 15.0
"""How long nothing is sent before a comment is, by which proxies know that the connection lives."""
_COMMENT = b": waiting\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
]


class ServerSentEvents(Response):
    """The events of a generator, each as JSON, and OpenAI's mark of the end."""

    def __init__(self, events: AsyncGenerator[dict[str, Any], None]) -> None:
        super().__init__()
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Sends them as they come."""
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        async with aclosing(self._events) as events:
            while True:
                coming = asyncio.ensure_future(anext(events, None))
                try:
                    while not (await asyncio.wait((coming,), timeout=SILENCE_SECONDS))[0]:
                        await _write(send, _COMMENT)
                except BaseException:
                    coming.cancel()
                    await asyncio.wait((coming,))
                    raise
                event = coming.result()
                if event is None:
                    break
                await _write(send, b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n")
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": False})


async def _write(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})
