"""A name server for one machine whose address can change, asked over UDP."""

from __future__ import annotations

import socket
import struct
import threading
from types import TracebackType

A = 1
"""The type of a question for an address of IPv4."""


class NameServer:
    """Answers every name with `address`, for a second. A context manager."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._answer, daemon=True)

    def __enter__(self) -> NameServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(10)
        self._socket.close()

    def _answer(self) -> None:
        while True:
            asked, sender = self._socket.recvfrom(512)
            if not asked:
                return
            end = asked.index(b"\0", 12) + 5
            (kind,) = struct.unpack("!H", asked[end - 4 : end - 2])
            known = kind == A
            header = asked[:2] + struct.pack("!HHHHH", 0x8180, 1, int(known), 0, 0)
            record = struct.pack("!HHHIH", 0xC00C, A, 1, 1, 4) + socket.inet_aton(self.address)
            self._socket.sendto(header + asked[12:end] + (record if known else b""), sender)
