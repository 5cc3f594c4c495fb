"""What all calls of one method share: its names, its metrics, and the limit of logged refusals."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from tieback.core.types.load import Load
from tieback.serving.open_calls import Revocation
from tieback.serving.reading import HeldBytes, Reader
from tieback.serving.telemetry import Telemetry

REFUSALS_SECONDS = 1.0
# What a caller can bring about as often as it likes, with no work done for it.
REFUSALS = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)


@dataclass(slots=True)
class _Crowd:
    """Calls that ended alike: how many since the last one that was logged, and when that was."""

    unwritten: int = 0
    written: float = -math.inf


class Route:
    """One method of the contract. Metrics find their labels once, not at every call.

    `streams`, where tokens are asked for, ends the open streams whose token is revoked. `level` is that of
    the log line of a call that succeeds; `serialize` makes bytes of an answer that is none yet.
    """

    def __init__(
        self,
        method: str,
        telemetry: Telemetry,
        reader: Reader,
        held: HeldBytes,
        load: Callable[[], Load] | None = None,
        streams: Revocation | None = None,
        level: int = logging.DEBUG,
        serialize: Callable[[Any], bytes] | None = None,
    ) -> None:
        self.method = method[1:]
        full_service, _, name = self.method.partition("/")
        self.service = full_service.rpartition(".")[2]
        self.telemetry = telemetry
        self.reader = reader
        self.held = held
        self.load = load
        self.streams = streams
        self.level = level
        self.serialize: Callable[[Any], bytes] = serialize or bytes
        self.in_flight = telemetry.in_flight.labels(self.service, name)
        self.seconds = telemetry.request_seconds.labels(self.service, name)
        self._outcomes: dict[str, Any] = {}
        self._name = name
        self._crowds: dict[grpc.StatusCode, _Crowd] = {}

    def lines(self, code: grpc.StatusCode, calls: int = 1) -> int:
        """For how many calls the log line of these stands, themselves included; 0 where they need none.

        Anybody can have calls refused by the thousand, and a line for each would be work on top of too much
        and would fill the disk: of those, the first of each second is written, with the number of those
        before it that were not.
        """
        if code not in REFUSALS:
            return calls
        crowd = self._crowds.setdefault(code, _Crowd())
        crowd.unwritten += calls
        now = time.monotonic()
        if now < crowd.written + REFUSALS_SECONDS:
            return 0
        alike, crowd.unwritten, crowd.written = crowd.unwritten, 0, now
        return alike

    def count(self, code: str, calls: int = 1) -> None:
        """Counts the outcome of calls."""
        if code not in self._outcomes:
            self._outcomes[code] = self.telemetry.requests.labels(self.service, self._name, code)
        self._outcomes[code].inc(calls)
