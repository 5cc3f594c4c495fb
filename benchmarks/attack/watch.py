"""Views of a server while it is attacked. Runs in processes of its own, so that the attacking side,
which is busy itself, does not disturb the measure.

    health ADDRESS PID      Health.Check, and the process's memory
    GOOD ADDRESS TOKEN      small good calls of a kind of `good.KINDS`

Each writes a line of JSON per reading: what was read, when on the system's monotonic clock, the value.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks.attack import good

HEALTH, MEMORY, GOOD = "health", "memory", "good"
HEALTH_SECONDS, MEMORY_SECONDS, GOOD_SECONDS = 0.005, 0.01, 0.1
LONGEST = 60.0
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Reading:
    """A value: seconds of a call that began `at`, bytes or a number `at` that time. `code` is a call's."""

    what: str
    at: float
    value: float
    code: str = ""

    @property
    def end(self) -> float:
        """When it was known."""
        return self.at + self.value if self.what in (HEALTH, GOOD) else self.at


@dataclass
class Watch:
    """The readings of one or more watching processes."""

    arguments: Sequence[Sequence[str]]
    readings: list[Reading] = field(default_factory=list)
    _processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def __enter__(self) -> Watch:
        for one in self.arguments:
            process = subprocess.Popen(
                [sys.executable, "-c", "import benchmarks.attack.watch as w; w.main()", *one],
                stdout=subprocess.PIPE,
                text=True,
                cwd=Path(__file__).parents[2],
            )
            self._processes.append(process)
            threading.Thread(target=self._read, args=(process,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.readings.append(Reading(**json.loads(line)))

    def of(self, what: str, begin: float, end: float) -> list[Reading]:
        """The readings of a kind that overlap the time from `begin` to `end`."""
        return [one for one in self.readings if one.what == what and one.end >= begin and one.at <= end]

    def last(self, what: str) -> Reading | None:
        """The newest reading of a kind."""
        return next((one for one in reversed(self.readings) if one.what == what), None)


def _say(what: str, at: float, value: float, code: str = "") -> None:
    line = json.dumps({"what": what, "at": at, "value": value, "code": code}) + "\n"
    os.write(1, line.encode())  # in one piece: two threads write


def _watch_memory(pid: int) -> None:
    while True:
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except OSError:  # it has ended
            return
        _say(MEMORY, time.monotonic(), pages * PAGE)
        time.sleep(MEMORY_SECONDS)


def _watch_health(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        while True:
            at = time.monotonic()
            code = "OK"
            try:
                check(health_pb2.HealthCheckRequest(), timeout=LONGEST)
            except grpc.RpcError as error:
                code = error.code().name
                time.sleep(0.2)
            _say(HEALTH, at, time.monotonic() - at, code)
            time.sleep(HEALTH_SECONDS)


def _watch_good(kind: str, address: str, token: str) -> None:
    with grpc.insecure_channel(address) as channel:
        call = good.KINDS[kind](channel, (("authorization", f"Bearer {token}"),) if token else ())
        while True:
            at = time.monotonic()
            code = "OK"
            try:
                call(LONGEST)
            except grpc.RpcError as error:
                code = error.code().name
            _say(GOOD, at, time.monotonic() - at, code)
            time.sleep(GOOD_SECONDS)


def main() -> None:
    """Watches what the command line says, until it is ended."""
    kind, address, third = sys.argv[1:]
    if kind == HEALTH:
        threading.Thread(target=_watch_memory, args=(int(third),), daemon=True).start()
        _watch_health(address)
    else:
        _watch_good(kind, address, third)
