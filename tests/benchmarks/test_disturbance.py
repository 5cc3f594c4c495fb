"""What a benchmark sees of the processes that disturb it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.load.disturbance import MARK, Disturbance, others

pytestmark = pytest.mark.all

BURNT = 0.3  # seconds of processor time
TICKS = 0.05  # by which the kernel's count, in hundredths of a second, may be behind
BURNING = f"""
import sys, time
while time.process_time() < {BURNT}: pass
print("done", flush=True)
sys.stdin.read()
"""


@contextmanager
def burning(variables: dict[str, str]) -> Iterator[int]:
    """The number of a process that has used that much processor time, and waits."""
    unmarked = {name: value for name, value in os.environ.items() if not name.startswith(MARK)}
    with subprocess.Popen(
        [sys.executable, "-c", BURNING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=unmarked | variables,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def test_what_other_processes_take_is_seen() -> None:
    begin, disturbance = time.monotonic(), Disturbance()

    with burning({}) as other:
        cores = disturbance.cores()
        seconds = time.monotonic() - begin

        assert other in {one.pid for one in others()}
    assert cores * seconds >= BURNT - TICKS


def test_what_a_benchmark_started_is_no_disturbance() -> None:
    with burning({f"{MARK}_RUN": "1"}) as own:
        found = {one.pid for one in others()}

    assert own not in found
    assert os.getpid() not in found
