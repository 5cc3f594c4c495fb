"""The platform as a user starts it: `tieback serve` in a process of its own, watched from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil
from prometheus_client.parser import text_string_to_metric_families

START_SECONDS = 120
MOST_LATE = 2
"""How many platforms of a run may not be ready in time before the next ones are not waited for."""
COMMAND = [sys.executable, "-c", "from tieback.serving.commands.serve import serve; serve()"]


T = TypeVar("T")
late: list[Path] = []
"""The logs of the platforms that were not ready in time."""


class Platform:
    """A running platform. `address` is its public port, `log` what it wrote to standard error.

    `before` are statements that its process runs first, for times that nobody wants to wait for.
    """

    def __init__(self, folder: Path, *options: str, before: str = "") -> None:
        self.log = folder / "serve.log"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *COMMAND[:-1],
                    f"{before}\n{COMMAND[-1]}",
                    "--json",
                    "--port",
                    "0",
                    "--metrics-port",
                    "0",
                    "--store",
                    str(folder / "store"),
                    *options,
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        self.events: list[dict[str, object]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def ready(self) -> Platform:
        """Waits for the line that says so."""
        assert len(late) < MOST_LATE, (
            f"not started: {len(late)} before it were not ready in {START_SECONDS} s"
        )
        try:
            found = wait_for(lambda: self._event("ready") or self._ended(), START_SECONDS)
        except AssertionError:
            late.append(self.log)
            raise AssertionError(f"not ready: {self.events} {self.log.read_text()[-3000:]}") from None
        if self._event("ready") is None:
            raise RuntimeError(
                f"the platform did not start: {found} {self.events} {self.log.read_text()[-3000:]}"
            )
        return self

    @property
    def address(self) -> str:
        return str(self._said("address"))

    @property
    def http(self) -> str:
        return str(self._said("http"))

    @property
    def metrics(self) -> str:
        with urllib.request.urlopen(str(self._said("metrics")), timeout=15) as page:
            return str(page.read().decode())

    def value(self, name: str, **labels: str) -> float:
        """The sum of all series of that name with these labels."""
        return sum(self.by_replica(name, **labels).values())

    def by_replica(self, name: str, **labels: str) -> Counter[str]:
        """The sums per replica of all series of that name with these labels."""
        sums: Counter[str] = Counter()
        for family in text_string_to_metric_families(self.metrics):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    sums[sample.labels.get("replica", "")] += sample.value  # type: ignore[assignment]  # it counts
        return sums

    def replica(self, deployment: str) -> psutil.Process | None:
        """The process of a deployment's replica."""
        title = f"ray::ServeReplica:tieback:{deployment}"
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if process.status() != psutil.STATUS_ZOMBIE and process.cmdline()[:1] == [title]:
                    return process
            except psutil.Error:
                continue
        return None

    def stop(self) -> int:
        """Ends it as a supervisor does, and returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        finally:
            self.kill()

    def kill(self) -> None:
        """Leaves nothing behind."""
        if self.process.poll() is None:
            for process in psutil.Process(self.process.pid).children(recursive=True):
                process.kill()
            self.process.kill()
            self.process.wait(20)

    def _said(self, what: str) -> object:
        ready = self._event("ready")
        assert ready is not None, "it is not ready"
        return ready[what]

    def _event(self, name: str) -> dict[str, object] | None:
        return next((event for event in self.events if event["event"] == name), None)

    def _ended(self) -> str | None:
        code = self.process.poll()
        return None if code is None else f"exit code {code}"

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))


def wait_for(condition: Callable[[], T | None], seconds: float = 20.0) -> T:
    """What `condition` returns once that is true; AssertionError where it never is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")
