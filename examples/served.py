"""A tieback server for as long as a `with` lasts: started, waited for, and ended whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Self

TIEBACK = [sys.executable, "-m", "tieback_client.cli"]


class StartFailedError(Exception):
    """The server ended, or was not ready in time. The message says which; `Served.log_tail` says why."""


class Served:
    """`tieback serve` in a process group of its own, on free ports, its index and log in `folder`.

    `address` is known inside the `with`. `told` hears each event of the start: "starting", "deployed", …
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        seconds: float = 180.0,
        told: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> None:
        self._command = [*TIEBACK, "serve", "--json", "--port", "0", "--metrics-port", "0"]
        self._command += ["--store", str(folder / "index"), "--drain-seconds", "2", *options]
        self._log = folder / "server.log"
        self._seconds = seconds
        self._told = told
        self._process: subprocess.Popen[str] | None = None
        self.address = ""

    def __enter__(self) -> Self:
        try:
            with self._log.open("w") as log:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    start_new_session=True,  # Ctrl-C is for the caller, who then ends the server in order
                )
            self.address = self._until_ready(self._process)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def log_tail(self, lines: int = 20) -> str:
        """What the server logged last, one message a line."""
        written = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return "\n".join(_message(line) for line in written[-lines:])

    def _until_ready(self, process: subprocess.Popen[str]) -> str:
        events: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        threading.Thread(target=_read_events, args=(process, events), daemon=True).start()
        while True:
            try:
                event = events.get(timeout=self._seconds)
            except Empty:
                raise StartFailedError(f"the server said nothing for {self._seconds:.0f} s") from None
            if event is None:
                raise StartFailedError(f"the server ended with status {process.wait()} before it was ready")
            if event["event"] == "failed":
                raise StartFailedError(event["message"])
            self._told(event)
            if event["event"] == "ready":
                return str(event["address"])

    def _end(self) -> None:
        """SIGTERM, time to drain, then SIGKILL for the whole group."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=45)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _read_events(process: subprocess.Popen[str], events: SimpleQueue[dict[str, Any] | None]) -> None:
    """Hands on what the server reports on standard output, then None at its end."""
    assert process.stdout is not None
    with process.stdout as lines:
        for line in lines:
            if line.startswith("{"):
                events.put(json.loads(line))
    events.put(None)


def _message(line: str) -> str:
    """A log line as a person reads it: JSON as its level and message, anything else as it is."""
    try:
        record = json.loads(line)
        return f"{record['level']}: {record['message']}"
    except (ValueError, KeyError, TypeError):
        return line
