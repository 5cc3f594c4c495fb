"""What every request passes: its id and caller, its limits, its end, its count.

The body is read before anything is done, within a limit of bytes and of time. A caller that goes away ends
the work for it, down to the model. Whatever is raised becomes an answer by `errors`.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tieback_client import TiebackError

from tieback.doors.caller import CALLER, Caller, caller_of
from tieback.doors.http import errors
from tieback.doors.http.errors import Refused
from tieback.doors.http.operation import KEY, DoorOperation
from tieback.doors.metrics import DoorMetrics

log = logging.getLogger(__name__)
DOOR = "http"
GONE = "499"
"""The code of a request whose caller went away, as proxies count it."""
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_UNKNOWN = DoorOperation("unknown", NotImplemented)


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """What the door takes before it asks the platform."""

    body_bytes: int = 32 * 1024 * 1024
    """Bytes of one body."""
    held_bytes: int = 128 * 1024 * 1024
    """Bytes of all bodies in work."""
    requests: int = 1024
    """Requests in work."""
    seconds: float = 30.0
    """How long a body may take to come."""
    only_local: bool = False
    """Whether requests have to name this machine as their host: what listens for it alone is not for pages of
    the web whose names were made to lead to it."""


class Edge:
    """The outermost application."""

    def __init__(self, application: ASGIApp, limits: EdgeLimits, metrics: DoorMetrics) -> None:
        self._application = application
        self._limits = limits
        self._metrics = metrics
        self._held = 0
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        answer = _Answer(send)
        token = CALLER.set(Caller(secrets.token_hex(8)))
        with self._metrics.request(DOOR, _UNKNOWN.name) as outcome:
            try:
                caller = caller_of(headers)
                CALLER.set(caller)
                answer.request_id = caller.request_id
                self._check_origin(headers)
                async with self._body(headers, receive) as content:
                    if not await self._answered(scope, content, receive, answer):
                        outcome.code = GONE
                        return
            except asyncio.CancelledError:
                # The server ends, and has waited as long as it may. Not raised: nobody waits for this task,
                # and the connection ends all the same.
                if not answer.begun:
                    ending = Refused(503, "ENDING", "the server ends; try again", retry=1.0, close=True)
                    await self._fail(ending, scope, receive, answer)
            except Exception as error:  # noqa: BLE001 - whatever it is, it has an answer
                await self._fail(error, scope, receive, answer)
            finally:
                outcome.operation = scope.get(KEY, _UNKNOWN).name
                if outcome.code != GONE:
                    outcome.code = str(answer.status)
                CALLER.reset(token)

    def _check_origin(self, headers: dict[str, str]) -> None:
        """Refuses what a browser sends for a page of another host."""
        host, origin = headers.get("host", ""), headers.get("origin", "")
        if self._limits.only_local and _name_of(host) not in LOCAL_NAMES:
            raise Refused(421, "OTHER_HOST", "this server listens for its own machine alone", close=True)
        if origin and origin.partition("://")[2] != host:
            raise Refused(403, "OTHER_ORIGIN", "a page of another host may not call this server", close=True)

    async def _answered(self, scope: Scope, content: bytes, receive: Receive, answer: _Answer) -> bool:
        """Runs the application on a body that was read; False where the caller went away before the end."""
        gone = asyncio.Event()
        given = [content]
        this = asyncio.current_task()

        async def replay() -> Message:
            if given:
                return {"type": "http.request", "body": given.pop(), "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            if not answer.ended:
                gone.set()
                if this is not None:
                    this.cancel()

        watching = asyncio.create_task(watch())
        scope["app"] = self  # so that paths and methods that there are not raise
        try:
            await self._application(scope, replay, answer)
        except asyncio.CancelledError:
            if not gone.is_set() or this is None or this.uncancel() > 0:
                raise
            return False
        finally:
            watching.cancel()
        return True

    @asynccontextmanager
    async def _body(self, headers: dict[str, str], receive: Receive) -> AsyncIterator[bytes]:
        """The body, whose bytes count as held until the request ends."""
        limits = self._limits
        if "content-length" in headers and "transfer-encoding" in headers:
            raise Refused(400, "MALFORMED_REQUEST", "a request has one length, not two", close=True)
        if int(headers.get("content-length", "0")) > limits.body_bytes:
            raise self._too_large()
        if self._running >= limits.requests:
            raise Refused(
                503, "OVERLOADED", "too many requests are in work; try again", retry=1.0, close=True
            )
        self._running += 1
        parts: list[bytes] = []
        try:
            try:
                async with asyncio.timeout(limits.seconds):
                    await self._read(receive, parts)
            except TimeoutError:
                text = f"the body did not come in {limits.seconds:g} s"
                raise Refused(408, "BODY_TOO_SLOW", text, close=True) from None
            yield b"".join(parts)
        finally:
            self._running -= 1
            self._held -= sum(map(len, parts))

    async def _read(self, receive: Receive, parts: list[bytes]) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(400, "DISCONNECTED", "the caller went away", close=True)
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
            self._held += len(part)
            if size > self._limits.body_bytes:
                raise self._too_large()
            if self._held > self._limits.held_bytes:
                text = "the bodies in work take too much memory; try again"
                raise Refused(503, "OVERLOADED", text, retry=1.0, close=True)
            more = message.get("more_body", False)

    def _too_large(self) -> Refused:
        text = f"a body has {self._limits.body_bytes} bytes at most; send fewer or smaller contents at once"
        return Refused(413, "BODY_TOO_LARGE", text, close=True)

    async def _fail(self, error: Exception, scope: Scope, receive: Receive, answer: _Answer) -> None:
        if not isinstance(error, TiebackError | Refused | HTTPException):
            log.error("a request failed: %s", type(error).__name__, exc_info=error)
        if answer.begun:  # a status is sent already: the answer breaks off, and is not taken for a whole one
            raise error
        fields = scope.get(KEY, _UNKNOWN).fields
        await errors.response(error, answer.request_id, fields)(scope, receive, answer)


def _name_of(host: str) -> str:
    """A host without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


class _Answer:
    """What is sent, with the request's id on it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.request_id = CALLER.get().request_id
        self.status = 0
        self.begun = self.ended = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun, self.status = True, message["status"]
            headers = [pair for pair in message.get("headers", ()) if pair[0] != b"x-request-id"]
            message["headers"] = [*headers, (b"x-request-id", self.request_id.encode())]
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self.ended = True
        await self._send(message)
