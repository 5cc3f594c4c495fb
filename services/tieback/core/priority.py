"""Threads that compute let those that answer callers go first, in a process that does both.

The event loop of a process takes calls, refuses them and hands out answers: some milliseconds of work a call.
Where all cores are busy with models, the system would have it wait as long as any thread that computes, and
with it every caller, also one that is only refused.

On Ray Serve the door is a process of its own, and models compute in others. There it costs more than it gains
(encoders got through a third less), perhaps since a loop that goes first takes calls one by one.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading

STEPS_BEHIND = 5
"""Not more: the loop may wait for the interpreter, which a thread holds that waits for a core."""

_in_one_process = threading.Event()


def compute_behind(on: bool = True) -> None:
    """Has threads that compute go behind from now on in this process; those that run stay as they are."""
    if on:
        _in_one_process.set()
    else:
        _in_one_process.clear()


def go_behind() -> None:
    """Gives the running thread a lower priority, where the process is one in which what computes goes behind.

    For threads that compute, before their first work. Threads that they start inherit it.
    """
    if _in_one_process.is_set():
        lower_priority()


def lower_priority() -> None:
    """Gives the running thread a lower priority than the process began with, where the system has it."""
    if sys.platform != "linux":  # elsewhere, a priority is of the whole process
        return
    with contextlib.suppress(OSError):
        usual = os.getpriority(os.PRIO_PROCESS, os.getpid())
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), usual + STEPS_BEHIND)
