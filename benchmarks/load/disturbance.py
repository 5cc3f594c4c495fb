"""The processor time that other processes of the machine take while something is measured.

A benchmark cannot keep a machine to itself, but it can see what disturbed it. Its own processes are this
one and those with a mark in their environment, which children inherit. Others are all but these and the
threads of the kernel, which work for the benchmark too. The time of a process that ended is counted by its
parent.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import psutil

MARK = "BENCHMARK_OF"
"""What the name of a variable begins with that marks a process of a benchmark."""

_KERNEL = 2  # the process that all threads of the kernel are children of


def mark_children() -> None:
    """Has all processes that this one starts from now on count as its own."""
    os.environ.setdefault(f"{MARK}_RUN", "1")


class Disturbance:
    """Processor time that others take from now on."""

    def __init__(self) -> None:
        self._begin, self._before = time.monotonic(), _seconds_of_others()

    def cores(self) -> float:
        """Their processor time since the begin over the time that has gone by: 1 is a whole core."""
        taken = _seconds_of_others() - self._before
        return max(taken, 0.0) / (time.monotonic() - self._begin)


def others() -> list[psutil.Process]:
    """All processes that are not of a benchmark."""
    return [one for one in psutil.process_iter() if not _is_own(one)]


def _seconds_of_others() -> float:
    """Their processor time so far, with that of their ended children."""
    total = 0.0
    for one in others():
        with contextlib.suppress(psutil.Error):
            times = one.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _is_own(process: psutil.Process) -> bool:
    try:
        if process.pid in (os.getpid(), _KERNEL) or process.ppid() == _KERNEL:
            return True
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
    except (psutil.Error, OSError):  # gone, or of another user
        return False
    return any(variable.startswith(MARK.encode()) for variable in environment.split(b"\0"))
