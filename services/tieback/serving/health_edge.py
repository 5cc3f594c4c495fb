"""What health checks pass instead of the edge: they need no token, so what one may bring or keep is small.

A check is answered whatever goes on. Of many that are open and have not sent their request yet, the later
ones are answered for the server as a whole, unread.
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from tieback.core.errors import DeadlineExceeded, TiebackError
from tieback.serving import failures
from tieback.serving.inflation import inflate
from tieback.serving.open_calls import OpenCalls

PREFIX = "/grpc.health.v1.Health/"
WATCHES = 1_000
READING = 16
READ_SECONDS = 1.0
REQUEST_BYTES = 1024


class HealthEdge:
    """Wraps the handlers of grpc.health.v1."""

    def __init__(self) -> None:
        self._watches = OpenCalls(WATCHES, WATCHES)
        self._reading = 0

    def wrap(self, handler: Any) -> Any:
        """The handler, which reads its request itself: nothing is read for a call that is refused."""

        async def behaviour(_: object, context: Any) -> None:
            try:
                if handler.response_streaming:
                    self._watches.enter("")
                request = await self._read(context, unread=not handler.response_streaming)
            except TiebackError as error:
                status = failures.to_status(error)
                await context.abort(failures.code_of(error), status.message, failures.trailing(status))
                return
            if request is None:
                return
            if handler.response_streaming:
                await handler.unary_stream(handler.request_deserializer(request), context)
            else:
                await context.write(await handler.unary_unary(handler.request_deserializer(request), context))

        return grpc.stream_stream_rpc_method_handler(
            behaviour, request_deserializer=None, response_serializer=handler.response_serializer
        )

    async def _read(self, context: Any, *, unread: bool) -> bytes | None:
        """The request's bytes; None where the caller sent none."""
        if unread and self._reading >= READING:
            return b""
        self._reading += 1
        try:
            async with asyncio.timeout(READ_SECONDS):
                request = await context.read()
        except TimeoutError:
            raise DeadlineExceeded(f"no request came within {READ_SECONDS:.0f} s") from None
        finally:
            self._reading -= 1
        return None if request is grpc.aio.EOF else inflate(request, REQUEST_BYTES)  # type: ignore[attr-defined]  # stubs
