"""A gRPC caller by hand over one socket (RFC 9113), so that it can misbehave and cost the attacker little.

It sends requests whose bytes were made before, holds calls open, or never lets an answer flow. It does not
decode what it gets: it notes which calls have ended, and by what frame.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from types import TracebackType

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, ACK, END_HEADERS = 1, 1, 4
INITIAL_WINDOW = 4
FRAME = 16_384


class RawCaller:
    """One connection. With `window` 0, the server can send no message on it."""

    def __init__(self, address: str, *, window: int = 65_535) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=10)
        self._lock = threading.Lock()
        self._next = 1
        self.ended: dict[int, bytes] = {}
        """The bytes of the trailers, or of the reset, of each call that has ended."""

        self.closed = threading.Event()
        with self._lock:
            self._socket.sendall(PREFACE + _frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW, window)))
        self._address = address
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> RawCaller:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(
        self,
        method: str,
        message: bytes | None = None,
        *,
        gzipped: bool = False,
        end: bool = True,
        token: str = "",
    ) -> int:
        """Opens a call, with one message or none; returns its number. Without `end` it stays half open.

        A message is at most 64 kB, what a server takes without being asked to wait. OSError where the server
        has hung up.
        """
        pairs = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", f"/tieback.v1.{method}"),
            (":authority", self._address),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            *([("grpc-encoding", "gzip")] if gzipped else []),
            *([("authorization", f"Bearer {token}")] if token else []),
        ]
        headers = b"".join(_literal(name, value) for name, value in pairs)
        with self._lock:
            number, self._next = self._next, self._next + 2
            frames = [_frame(HEADERS, END_HEADERS, number, headers)]
            if message is not None:
                body = struct.pack(">BI", int(gzipped), len(message)) + message
                for begin in range(0, len(body), FRAME):
                    last = begin + FRAME >= len(body)
                    flags = END_STREAM if last and end else 0
                    frames.append(_frame(DATA, flags, number, body[begin : begin + FRAME]))
            self._socket.sendall(b"".join(frames))
        return number

    def wait(self, number: int, seconds: float) -> bool:
        """Waits for a call's end; whether it came in time."""
        end = time.monotonic() + seconds
        while number not in self.ended and time.monotonic() < end:
            if self.closed.wait(0.01):
                break
        return number in self.ended

    def close(self) -> None:
        """Hangs up."""
        with contextlib.suppress(OSError):  # the server has
            self._socket.shutdown(socket.SHUT_RDWR)  # closing alone would wait for the thread that reads
        self._socket.close()

    def _read(self) -> None:
        try:
            while True:
                head = self._exactly(9)
                size = int.from_bytes(head[:3], "big")
                kind, flags, number = head[3], head[4], int.from_bytes(head[5:], "big") & 0x7FFFFFFF
                payload = self._exactly(size)
                if kind == SETTINGS and not flags & ACK:
                    self._send(_frame(SETTINGS, ACK, 0, b""))
                elif kind == PING and not flags & ACK:
                    self._send(_frame(PING, ACK, 0, payload))
                elif kind == GOAWAY:
                    self.ended[0] = payload
                elif kind == RST_STREAM or (kind in (HEADERS, DATA) and flags & END_STREAM):
                    self.ended.setdefault(number, payload)
        except OSError:
            self.closed.set()

    def _exactly(self, size: int) -> bytes:
        found = bytearray()
        while len(found) < size:
            self._socket.settimeout(None)
            part = self._socket.recv(size - len(found))
            if not part:
                raise OSError("the server hung up")
            found += part
        return bytes(found)

    def _send(self, frame: bytes) -> None:
        with self._lock:
            self._socket.sendall(frame)


def _frame(kind: int, flags: int, number: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + number.to_bytes(4, "big") + payload


def _literal(name: str, value: str) -> bytes:
    """A header field without indexing, as RFC 7541 section 6.2.2 has it; both parts below 127 bytes."""
    return b"\x00" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()
