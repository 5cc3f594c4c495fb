"""HTTP/1.1 on one connection: uvicorn's protocol, with the limits that an open port needs.

llhttp, which parses, is strict: Content-Length beside Transfer-Encoding, bare line feeds, folded and
malformed headers end the connection with 400, so that no proxy in front reads another request than this.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tieback.doors.http.errors import body

_PHRASES = {400: "Bad Request", 431: "Request Header Fields Too Large"}


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What one connection may cost."""

    header_bytes: int = 32 * 1024
    """Bytes of a request's line and headers."""
    connections: int = 1024
    """Open connections of one process. One more is closed at once."""
    seconds: float = 30.0
    """How long a request's headers may take to come, and how long a reader may take nothing."""


class _HeadersTooLarge(Exception):  # noqa: N818 - it tells the parser to stop
    pass


def protocol(limits: ConnectionLimits) -> type[asyncio.Protocol]:
    """The class of connections under these limits, which uvicorn makes one of for each."""

    class HttpConnection(HttpToolsProtocol):
        """One connection."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's
            super().connection_made(transport)
            self._head_bytes = 0
            self._in_head = True
            self._is_too_large = False
            self._head_timer: asyncio.TimerHandle | None = None
            self._write_timer: asyncio.TimerHandle | None = None
            if len(self.connections) > limits.connections:
                transport.abort()
                return
            self._await_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._end_timers()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            before = self._head_bytes
            super().data_received(data)
            if self.parser is None or self.transport.is_closing():
                return
            if self._in_head:  # the parser reports a header when it is complete; one may never be
                self._head_bytes = max(self._head_bytes, before + len(data))
                if self._head_bytes > limits.header_bytes:
                    self._is_too_large = True
                    self.send_400_response("")

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._head_bytes, self._in_head = 0, True
            self._await_head()

        def on_url(self, url: bytes) -> None:
            self._count(len(url))
            super().on_url(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            self._count(len(name) + len(value) + 4)
            super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._in_head = False
            if self._head_timer is not None:
                self._head_timer.cancel()
            super().on_headers_complete()

        def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn gives its own
            """Ends a connection whose bytes are no request. uvicorn's own text would be no JSON."""
            status, reason, text = 400, "MALFORMED_REQUEST", "the bytes are not a valid HTTP/1.1 request"
            if self._is_too_large:
                status, reason = 431, "HEADERS_TOO_LARGE"
                text = f"the request line and headers have more than {limits.header_bytes} bytes"
            content = json.dumps(body(status, reason, text, "")).encode()
            head = (
                f"HTTP/1.1 {status} {_PHRASES[status]}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(content)}\r\nconnection: close\r\n\r\n"
            )
            cycle = self.cycle
            if (
                cycle is None or cycle.response_complete or (cycle.more_body and not cycle.response_started)
            ):  # else it would stand within another answer, or before it
                self.transport.write(head.encode() + content)
            self.transport.close()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._write_timer = self.loop.call_later(limits.seconds, self.transport.abort)

        def resume_writing(self) -> None:
            if self._write_timer is not None:
                self._write_timer.cancel()
            super().resume_writing()

        def _count(self, size: int) -> None:
            self._head_bytes += size
            if self._head_bytes > limits.header_bytes:
                self._is_too_large = True
                raise _HeadersTooLarge

        def _await_head(self) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
            self._head_timer = self.loop.call_later(limits.seconds, self.transport.abort)

        def _end_timers(self) -> None:
            for timer in (self._head_timer, self._write_timer):
                if timer is not None:
                    timer.cancel()

    return HttpConnection
