"""Until when a certificate is valid, for the log: an expired one turns every new connection away."""

from __future__ import annotations

import base64
import logging
import re
import time
from datetime import UTC, datetime, timedelta

log = logging.getLogger(__name__)
SOON = timedelta(days=14)
REPEAT_SECONDS = 3600.0
"""How often the log repeats that a certificate has expired."""
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_VERSION, _GENERALIZED_TIME = 0xA0, 0x18  # tags of DER


class Expiry:
    """Watches over the first certificate of a chain, the server's own."""

    def __init__(self, chain: bytes) -> None:
        self.end = end_of(chain)
        self._told = -REPEAT_SECONDS
        if self.end is not None and datetime.now(UTC) <= self.end < datetime.now(UTC) + SOON:
            log.warning("the TLS certificate expires soon: at %s", self.end.isoformat())
        self.check()

    def check(self) -> None:
        """Logs where it has expired, and again after an hour."""
        now = time.monotonic()
        if self.end is None or datetime.now(UTC) <= self.end or now - self._told < REPEAT_SECONDS:
            return
        self._told = now
        log.error("the TLS certificate has expired, and clients refuse it: at %s", self.end.isoformat())


def end_of(chain: bytes) -> datetime | None:
    """When the first certificate of a PEM file expires; None where that cannot be read."""
    found = _PEM.search(chain)
    try:
        data = base64.b64decode(found[1] if found else b"")
        _, at, _ = _element(data, _element(data, 0)[1])  # of the certificate, what is signed
        if data[at] == _VERSION:
            at = _element(data, at)[2]
        for _ in ("serial number", "signature", "issuer"):
            at = _element(data, at)[2]
        begin = _element(data, at)[1]  # of the validity
        tag, first, last = _element(data, _element(data, begin)[2])
        form = "%Y%m%d%H%M%SZ" if tag == _GENERALIZED_TIME else "%y%m%d%H%M%SZ"
        return datetime.strptime(data[first:last].decode("ascii"), form).replace(tzinfo=UTC)
    except (IndexError, ValueError):
        return None


def _element(data: bytes, at: int) -> tuple[int, int, int]:
    """The tag of the element of DER at a byte, and the bytes at which its content begins and ends."""
    size, begin = data[at + 1], at + 2
    if size & 0x80:
        begin += size & 0x7F
        size = int.from_bytes(data[at + 2 : begin], "big")
    return data[at], begin, begin + size
