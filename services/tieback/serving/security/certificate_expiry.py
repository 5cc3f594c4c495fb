"""Until when a certificate is valid, for log and metrics: an expired one turns every new connection away."""

from __future__ import annotations

import logging
import math
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

log = logging.getLogger(__name__)
SOON = timedelta(days=14)
REPEAT_SECONDS = 3600.0
"""How often the log repeats that a certificate has expired."""


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


class CertificateFile:
    """A server's certificate as its file has it now, which new connections get."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = -1
        self._end: datetime | None = None

    def seconds_left(self) -> float:
        """Seconds until it expires, negative once it has. NaN where none was ever read."""
        with suppress(OSError):
            stamp = self._path.stat().st_mtime_ns
            if stamp != self._stamp:
                self._end = end_of(self._path.read_bytes()) or self._end
                self._stamp = stamp
        return math.nan if self._end is None else (self._end - datetime.now(UTC)).total_seconds()


def end_of(chain: bytes) -> datetime | None:
    """When the first certificate of a PEM file expires; None where that cannot be read."""
    from cryptography import x509  # takes 0.1 s to load, which servers without TLS need not wait for

    try:
        return x509.load_pem_x509_certificate(chain).not_valid_after_utc
    except ValueError:
        return None
