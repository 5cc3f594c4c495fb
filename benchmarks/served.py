"""A server under measurement: `tieback serve`, started as a user would, in processes of its own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil
from prometheus_client.parser import text_string_to_metric_families
from tieback_client import Client, Health, TiebackError

from benchmarks.ports import free_ports

MARK = "BENCHMARK_OF_TIEBACK"
POLL_SECONDS = 0.02
START_SECONDS, STOP_SECONDS = 300.0, 60.0
NO_GENERATOR, UNCACHED = {"TIEBACK_GENERATOR": "none"}, {"TIEBACK_CACHE_BYTES": "0"}
QUICK_RECONNECTS = {"grpc.min_reconnect_backoff_ms": 50, "grpc.max_reconnect_backoff_ms": 50}


class StartError(Exception):
    """The server did not become ready; the message is what it said last."""


@dataclass(frozen=True)
class Served:
    """A ready server."""

    address: str
    metrics_address: str
    ready_seconds: float
    pid: int
    mark: str

    def client(self) -> Client:
        """A client of it, as a user makes one."""
        return Client(self.address)

    def metric(self, sample: str, **labels: str) -> float:
        """The sum of a metric's samples of that name and those labels, as its page has them now."""
        with urllib.request.urlopen(f"http://{self.metrics_address}/metrics", timeout=10) as answer:
            page = answer.read().decode()
        return sum(
            one.value
            for family in text_string_to_metric_families(page)
            for one in family.samples
            if one.name == sample and labels.items() <= one.labels.items()
        )

    def processes(self) -> list[psutil.Process]:
        """The server's process, its descendants, and whatever else was started in its environment."""
        root = psutil.Process(self.pid)
        found = {one.pid: one for one in [root, *root.children(recursive=True)]}
        marked = f"{MARK}={self.mark}".encode()
        for one in psutil.process_iter():
            with contextlib.suppress(OSError):
                if marked in Path(f"/proc/{one.pid}/environ").read_bytes().split(b"\0"):
                    found[one.pid] = one
        return [found[pid] for pid in sorted(found)]

    def resident_bytes(self) -> int:
        """Resident memory of the server's own process."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def proportional_bytes(self) -> dict[str, int]:
        """Proportional set size per kind of process: shared pages count once over all of them."""
        sums: dict[str, int] = {}
        for one in self.processes():
            with contextlib.suppress(OSError, psutil.Error):
                kind = _kind(one)
                text = Path(f"/proc/{one.pid}/smaps_rollup").read_text()
                kilobytes = int(re.findall(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)[0])
                sums[kind] = sums.get(kind, 0) + 1024 * kilobytes
        return sums

    def processor_seconds(self) -> float:
        """Processor time that all its processes have used so far."""
        total = 0.0
        for one in self.processes():
            with contextlib.suppress(psutil.Error):
                times = one.cpu_times()
                total += times.user + times.system
        return total


class Starting:
    """A server that was started and may not be ready yet."""

    def __init__(
        self, process: subprocess.Popen[bytes], ports: Sequence[int], mark: str, log: IO[str]
    ) -> None:
        self.process = process
        self._address, self._metrics = (f"localhost:{port}" for port in ports)
        self._mark, self._log, self._begun = mark, log, time.monotonic()

    def ready(self, timeout: float = START_SECONDS) -> Served:
        """Waits until it can be asked. StartError, with its last words, where it ends or takes longer."""
        _wait(self.process, self._address, self._begun, timeout, self._log)
        seconds = time.monotonic() - self._begun
        return Served(self._address, self._metrics, seconds, self.process.pid, self._mark)

    def kill(self) -> None:
        """Ends it and its descendants as a power cut would: nothing is written, nothing is drained."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def started(
    store: Path,
    *,
    local: bool,
    spaces: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
) -> Iterator[Starting]:
    """Starts `tieback serve` on free ports with that store, and stops it at the end.

    `settings` are variables of its environment beside those that are set.
    """
    ports = free_ports(2)
    mark = uuid.uuid4().hex
    with tempfile.TemporaryFile("w+") as log:
        command = [
            str(Path(sys.executable).with_name("tieback")),
            "serve",
            *(["--local"] if local else []),
            *("--port", str(ports[0]), "--metrics-port", str(ports[1])),
            *("--store", str(store), "--log-level", "warning"),
            *(("--spaces", ",".join(spaces)) if spaces else ()),
        ]
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | dict(settings or {}) | {MARK: mark, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
        try:
            yield Starting(process, ports, mark, log)
        finally:
            _stop(process)


@contextlib.contextmanager
def served(
    *,
    local: bool,
    spaces: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    timeout: float = START_SECONDS,
) -> Iterator[Served]:
    """A server with an empty index; ready inside, stopped at the end.

    StartError, with the server's last words, where it ends or takes longer than `timeout` seconds.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        started(Path(folder), local=local, spaces=spaces, settings=settings) as server,
    ):
        yield server.ready(timeout)


@contextlib.contextmanager
def asking(
    *, spaces: Sequence[str] = (), settings: Mapping[str, str] | None = None, store: Path | None = None
) -> Iterator[Client]:
    """A client of a local server that is started for it, with an empty index or with that store."""
    with contextlib.ExitStack() as running:
        folder = store or Path(running.enter_context(tempfile.TemporaryDirectory()))
        server = running.enter_context(started(folder, local=True, spaces=spaces, settings=settings))
        yield running.enter_context(server.ready().client())


def _wait(process: subprocess.Popen[bytes], address: str, begun: float, timeout: float, log: IO[str]) -> None:
    with Client(address, retry=None, channel_options=QUICK_RECONNECTS) as client:
        while True:
            with contextlib.suppress(TiebackError):
                if client.health(timeout=1.0) is Health.SERVING:
                    return
            late = time.monotonic() - begun > timeout
            if late or process.poll() is not None:
                log.seek(0)
                words = log.read().strip().splitlines()[-3:]
                why = (
                    f"not ready after {timeout:.0f} s" if late else f"ended with status {process.returncode}"
                )
                raise StartError(f"{why}: {' | '.join(words) or 'it said nothing'}")
            time.sleep(POLL_SECONDS)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and after a while SIGKILL to whatever is left of the tree."""
    left: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        left = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    for one in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    process.kill()
    process.wait()


def _kind(process: psutil.Process) -> str:
    """Kind of a process, in a word or two: Ray names its workers for what runs in them."""
    title = " ".join(process.cmdline()) or process.name()
    if title.startswith("ray::"):
        return re.sub(r"[:.]+(?:__init__|[a-z_]+\(\))?$", "", title.split()[0])
    return str(process.name())
